//! Payments: the primary is charged with the usage that the fallback admitted.

use smallvec::SmallVec;

use super::Reconciler;
use super::account::Account;
use super::debt::{ClassDebt, Debt};
use super::last_known::Word;
use super::ledger::Ledger;
use super::target_levels::{Level, Levels};
use crate::backend::{Charge, Verdict};
use crate::error::{BackendError, ErrorKind};
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::{Arrival, Class, State, Strategy};
use crate::util::fingerprint::Domain;

/// The debt of one identity, in the form in which the primary is charged.
pub(super) struct Bill {
    key: Key,
    domain: Domain,
    rates: SmallVec<[Rate; 2]>,
    classes: SmallVec<[(Class, Levels); 1]>,
    load: u64,
}

impl Bill {
    fn new(reconciler: &Reconciler, debt: &Debt, words: &[Word], now: u64) -> Self {
        let (strategy, load) = (&*reconciler.strategy, reconciler.strategy.load());
        let shared = reconciler.share.of(&debt.rates);
        let classes = debt.parts.iter().map(|part| {
            let word = words.iter().find(|word| word.class == part.class);
            let level = |(limit, (rate, shared)): (usize, (&Rate, &Rate))| {
                let [whole, of_share] =
                    [rate, shared].map(|rate| Arrival::new(*rate, 0, now).class(part.class).load(load));
                let most = word.map_or(State::EMPTY, |word| word.state(limit, strategy, whole));
                // With the whole share, the states have the same measure as those of the primary, down to parts
                // of units.
                let total = if reconciler.share.is_whole() { part.total(limit) } else { State::EMPTY };
                let owed = part.owed(limit, strategy, of_share);
                (*rate, Level { most, owed, again: debt.is_tried, total })
            };
            let limits = debt.rates.iter().zip(&shared).enumerate();
            let levels = limits.filter(|(_, (rate, _))| !rate.is_unlimited()).map(level).collect();
            (part.class, Levels::new(reconciler.strategy.clone(), levels))
        });
        let classes = classes.collect();
        Self { key: debt.key.clone(), domain: debt.domain, rates: debt.rates.clone(), classes, load }
    }

    /// Whether there is nothing to charge, because all usage has expired.
    pub(super) fn is_void(&self, now: u64) -> bool {
        let mut levels = self.classes.iter().flat_map(|(_, levels)| &levels.limits);
        levels.all(|(_, level)| level.is_void(now))
    }

    /// Returns one charge for each class. The cost of 1 is a placeholder: the levels determine the units.
    pub(super) fn charges<'a>(&'a self, scope: &'a str) -> SmallVec<[Charge<'a>; 1]> {
        let charges = self.classes.iter().map(|(class, levels)| Charge {
            scope,
            key: &self.key,
            strategy: levels,
            rates: &self.rates,
            cost: 1,
            class: *class,
            load: self.load,
            domain: self.domain,
            taken: None,
            attempt: None,
        });
        charges.collect()
    }
}

/// A payment in progress. If it is dropped without a result, for example with its future, it is unknown whether
/// the primary was charged.
pub(super) struct Payment<'a> {
    ledger: &'a Ledger,
    strategy: &'a dyn Strategy,
    id: u128,
    was_tried: bool,
    has_ended: bool,
}

impl<'a> Payment<'a> {
    /// Begins a payment. Returns `None` if nothing is owed, or if another payment is in progress.
    pub(super) fn begin(reconciler: &'a Reconciler, id: u128, now: u64) -> Option<(Self, Bill)> {
        let begun = reconciler.ledger.change(id, |account| {
            let debt = account.debt.as_deref_mut().filter(|debt| !debt.is_paying)?;
            let bill = Bill::new(reconciler, debt, &account.words, now);
            let was_tried = std::mem::replace(&mut debt.is_tried, true);
            debt.is_paying = true;
            debt.parts.iter_mut().for_each(ClassDebt::send);
            Some((was_tried, bill))
        });
        let (was_tried, bill) = begun??;
        let (ledger, strategy) = (&reconciler.ledger, &*reconciler.strategy);
        Some((Self { ledger, strategy, id, was_tried, has_ended: false }, bill))
    }

    /// Ends the payment: there was nothing to charge.
    pub(super) fn close(mut self) {
        self.end(settle);
    }

    /// Ends the payment after a decision of the primary, which becomes the last known usage.
    pub(super) fn made(
        mut self,
        (bill, charges): (&Bill, &[Charge<'_>]),
        verdict: &Verdict,
        now: u64,
    ) -> Result<(), BackendError> {
        let missing = bill.classes.iter().map(|(_, levels)| levels.missing()).max().unwrap_or(0);
        let limits: usize = charges.iter().map(|charge| charge.rates.len()).sum();
        if verdict.quotas.len() != limits {
            let text = "the reply of the backend does not match the limits of the request";
            return Err(BackendError::new(ErrorKind::Store, text));
        }
        let (strategy, mut quotas) = (self.strategy, &verdict.quotas[..]);
        self.end(|account| {
            account.missing = missing;
            for charge in charges {
                let (own, others) = quotas.split_at(charge.rates.len());
                quotas = others;
                // The remaining quota is computed by the wrapped strategy.
                let charge = Charge { strategy, ..charge.clone() };
                account.hear(Word::new(&charge, own, verdict.at, now));
            }
            settle(account);
        });
        Ok(())
    }

    /// Ends the payment after an error that certainly charged nothing. An earlier payment may still have been
    /// charged.
    pub(super) fn refused(mut self) {
        let was_tried = self.was_tried;
        self.end(|account| stop(account, was_tried));
    }

    fn end(&mut self, change: impl FnOnce(&mut Account)) {
        self.has_ended = true;
        self.ledger.change(self.id, change);
    }
}

impl Drop for Payment<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(|account| stop(account, true));
        }
    }
}

fn settle(account: &mut Account) {
    let Some(debt) = account.debt.as_deref_mut() else { return };
    debt.parts.retain(|part| !part.settle());
    (debt.is_paying, debt.is_tried) = (false, false);
    if debt.parts.is_empty() {
        account.debt = None;
    }
}

fn stop(account: &mut Account, is_tried: bool) {
    let Some(debt) = account.debt.as_deref_mut() else { return };
    debt.parts.iter_mut().for_each(ClassDebt::unsend);
    (debt.is_paying, debt.is_tried) = (false, is_tried);
}
