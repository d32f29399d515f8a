//! Denials by the last decision of the primary, while the fallback cannot be seeded with it.
//!
//! While a payment to the primary is in progress, a new decision of the primary does not change the seed of the
//! fallback. Meanwhile, the primary may decide other requests and have less quota left than the fallback knows.

use super::account::Account;
use super::gauge::charged;
use super::seed::portion;
use super::{Reconciler, id};
use crate::backend::Charge;
use crate::decision::Quota;

impl Reconciler {
    /// Whether there is a decision of the primary that the fallback can be [seeded](Self::seed) with and has
    /// not been yet.
    pub(crate) fn can_begin(&self, charge: &Charge<'_>) -> bool {
        self.ledger.read(id(charge), Account::can_begin).unwrap_or(false)
    }

    /// Replaces quotas of the fallback, one for each limit, by quotas computed from the last decision of the
    /// primary, if these deny the charge. The computed quota is the remaining quota of that decision less the
    /// units that the fallback has admitted since.
    pub(crate) fn deny(&self, charge: &Charge<'_>, now: u64, quotas: &mut [Quota]) {
        self.ledger.read(id(charge), |account| account.deny(self, charge, now, quotas));
    }
}

impl Account {
    pub(super) fn can_begin(&self) -> bool {
        self.is_new && !self.debt.as_ref().is_some_and(|debt| debt.is_paying)
    }

    fn deny(&self, reconciler: &Reconciler, charge: &Charge<'_>, now: u64, quotas: &mut [Quota]) {
        let strategy = &*reconciler.strategy;
        let Some(word) = self.words.iter().find(|word| word.class == charge.class) else { return };
        let debt = self.debt.as_deref();
        let owing = debt.and_then(|debt| debt.parts.iter().find(|part| part.class == charge.class));
        let limits = charge.rates.iter().zip(reconciler.share.of(charge.rates)).zip(quotas).enumerate();
        for (limit, ((rate, shared), quota)) in limits.filter(|(_, ((rate, _), _))| !rate.is_unlimited()) {
            let [whole, of_share] = [*rate, shared].map(|rate| charge.arrival(rate, 0, now));
            let state = portion(reconciler, &word.state(limit, strategy, whole), whole, of_share);
            let owed = owing.map_or(0, |part| part.owed(limit, strategy, of_share));
            let state = charged(strategy, &state, of_share, owed);
            let own = strategy.step(&state, &charge.arrival(shared, charge.cost, now)).quota;
            if !own.fits() {
                *quota = own;
            }
        }
    }
}
