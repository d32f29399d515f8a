//! Carry-over of usage during failover: the fallback starts from the last known usage at the primary, and the
//! primary is charged afterwards for what the fallback admitted.
//!
//! - **Before** the outage, [`record_answer`](Reconciler::record_answer) remembers what each decision of the
//!   primary left.
//! - **During** the outage, [`seed`](Reconciler::seed) lets the fallback start with its [share](Share) of what is
//!   left by now. [`admitted`](Reconciler::admitted) remembers what the fallback admitted.
//! - **After** the outage, the fallback decides about an identity that [owes](Reconciler::owes) usage until the debt
//!   is [paid](Reconciler::pay). A payment is one charge to the primary. It also restores the usage from before the
//!   outage if the primary has lost it.
//!
//! # The bound
//!
//! **One instance** with the whole share never admits more than a single backend that sees all requests: the
//! admitted requests, at their times, fit the states of such a backend.
//!
//! - This is true for fixed windows, both sliding windows and all buckets except `CostBasedTokenBucket`. It is
//!   also true if the primary returns empty or with old states, and however often replies are lost or futures
//!   are dropped. Exception: if the primary returns empty, a client that sent no request to the fallback starts
//!   with its whole limit.
//! - `CostBasedTokenBucket` keeps its own bound over any period, but loses the average cost of the requests
//!   before the outage.
//! - Strategies with a variable limit apply the limit in effect. They know neither rolled-over units nor past
//!   load from the time of the fallback.
//!
//! An answer of the primary that arrives after the fallback was seeded is admitted only if both fit.
//! [`record_answer`](Reconciler::record_answer) and [`admitted`](Reconciler::admitted) compare their numbers
//! under one lock, and the later one is denied.
//!
//! **N instances** with a share of 1/N have a common bound if all of them know the same last decision, and if
//! all pay before one of them calls the primary again. Together, they admit in any period what the strategy
//! allows, plus at most N - 1 units. If the limit is below N, each fallback still admits one unit per period.
//! They additionally admit:
//!
//! - the units that other instances consumed between the last decision that one instance knows and the outage,
//! - the units that other instances still owe, or go on admitting, when one instance calls the primary again.
//!
//! **Unknown usage** adds to both bounds:
//!
//! - Identities that are unknown, or that are not among the last 64 Ki, start with the whole share.
//! - While 64 Ki other identities have debts, no new debt is remembered. A log event reports this.
//! - If the payment of one of several instances is lost, payments of the others may be mistaken for it.
//! - If the clocks of primary and fallback differ, windows end earlier or later by the difference.
//!
//! **Less than the limit** is admitted in these cases:
//!
//! - Replies were lost.
//! - Parts of units are involved: at most two units less.
//! - The strategy is a log: usage from before the outage counts from the time when its decision was received.

mod account;
mod debt;
mod denial;
mod gauge;
mod last_known;
mod ledger;
mod pay_debts;
mod payment;
mod seed;
mod target_levels;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::time::Duration;

use tokio::sync::Mutex;

pub(crate) use super::share::Share;
use crate::backend::deadline::within;
use crate::backend::{Backend, Charge, Mode};
use crate::decision::Quota;
use crate::error::BackendError;
use crate::strategy::{Arrival, Strategy};
use crate::util::fingerprint::Secret;
use crate::util::log_limit::LogLimit;
use crate::util::shared::Shared;
use account::Account;
use last_known::Word;
use ledger::Ledger;
use seed::Seed;

/// Carries usage from the primary of one throttle to its fallback and back.
///
/// Charges are those of the primary: they contain its limits, not the shared limits. Times are in microseconds
/// by the clock of this process, unless documented otherwise.
#[derive(Debug)]
pub(crate) struct Reconciler {
    share: Share,
    scope: Arc<str>,
    strategy: Shared<dyn Strategy>,
    ledger: Ledger,
    /// The number of requests that the fallback has admitted.
    admissions: AtomicU64,
    /// Admissions that could not be remembered, because there are too many debts.
    no_room: LogLimit,
    /// Held by the task that pays all debts.
    paying: Arc<Mutex<()>>,
}

/// A decision of the primary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrimaryAnswer<'q> {
    /// The remaining quotas.
    pub(crate) quotas: &'q [Quota],
    /// The time of the decision by the primary's clock.
    pub(crate) at: u64,
    /// The number of the fallback's last admission before the primary was called.
    pub(crate) sent: u64,
}

impl Reconciler {
    /// Creates the carry-over of a throttle whose states are stored in `scope` by `strategy`.
    pub(crate) fn new(share: Share, scope: Arc<str>, strategy: Shared<dyn Strategy>) -> Self {
        Self {
            share,
            scope,
            strategy,
            ledger: Ledger::new(),
            admissions: AtomicU64::new(0),
            no_room: LogLimit::new(),
            paying: Arc::default(),
        }
    }

    /// Returns the number of the last admission by the fallback. Read it before the primary is called, and pass
    /// it to [`record_answer`](Self::heard).
    pub(crate) fn admissions(&self) -> u64 {
        self.admissions.load(Acquire)
    }

    /// Records a decision of the primary, whether it allowed or denied.
    ///
    /// Returns `Some` if the charge came too late: after the call, the fallback admitted units that no longer
    /// fit at the primary. The value is the number of units to refund. Units of the charge that replace units
    /// that did not fit at the primary are not refunded.
    pub(crate) fn record_answer(
        &self,
        charge: &Charge<'_>,
        PrimaryAnswer { quotas, at, sent }: PrimaryAnswer<'_>,
        now: u64,
    ) -> Option<u64> {
        let word = Word::new(charge, quotas, at, now);
        let late = self.ledger.open(id(charge), |account, _| {
            account.hear(word);
            if account.admitted <= sent {
                None
            } else if account.missing > 0 {
                let missing = account.missing;
                account.missing = missing.saturating_sub(charge.cost);
                Some(charge.cost.saturating_sub(missing))
            } else {
                account.is_over(self, charge, now).then_some(charge.cost)
            }
        });
        late.flatten()
    }

    /// Seeds the fallback with the last known usage at the primary. Call this before each decision of the
    /// fallback.
    ///
    /// When it returns, the fallback is seeded, by this call or by another one. It may run several times, and
    /// its future may be dropped.
    ///
    /// # Errors
    ///
    /// If the fallback fails. The fallback is then not seeded, and the next call tries again.
    pub(crate) async fn seed(
        &self,
        charge: &Charge<'_>,
        standby: &dyn Backend,
        deadline: Duration,
        now: u64,
    ) -> Result<(), BackendError> {
        let id = id(charge);
        let seed = self.ledger.read(id, |account| Seed::new(self, account, charge, now));
        let Some(seed) = seed.flatten() else { return Ok(()) };
        let charges = seed.charges(charge);
        within(deadline, standby.decide(&charges, Mode::Consume)).await?;
        self.ledger.open(id, |account, has_room| seed.begin(account, has_room, charge, now));
        Ok(())
    }

    /// Whether the fallback has not been [seeded](Self::seed) with the last decision yet.
    pub(crate) fn has_news(&self, charge: &Charge<'_>) -> bool {
        self.ledger.read(id(charge), |account| account.is_new).unwrap_or(false)
    }

    /// Records an admission by the fallback at `now`. Returns whether it stands. It does not if an answer of
    /// the primary that arrived since the fallback was [seeded](Self::seed) leaves too little quota; then
    /// nothing is recorded.
    #[must_use]
    pub(crate) fn admitted(&self, charge: &Charge<'_>, now: u64) -> bool {
        let kept = self.ledger.open(id(charge), |account, has_room| {
            let part = account.debt(charge, has_room)?.of_class(charge.class)?;
            let before = part.add(&*self.strategy, self.arrivals(charge, now));
            if account.is_new && account.is_over(self, charge, now) {
                if let Some(part) = account.debt(charge, false).and_then(|debt| debt.of_class(charge.class)) {
                    part.restore(before);
                }
                return Some(false);
            }
            account.admitted = self.admissions.fetch_add(1, AcqRel).saturating_add(1);
            Some(true)
        });
        let kept = kept.flatten();
        if kept.is_none()
            && let Some(omitted) = self.no_room.admit(now)
        {
            let (scope, omitted) = (&*self.scope, omitted.field());
            tracing::warn!(target: "throttle", scope, omitted, "too many identities: usage of additional identities during the outage is not charged to the backend later");
        }
        kept.unwrap_or(true)
    }

    /// Records the refund of an admission that [`admitted`](Self::admitted) recorded at the time `at`.
    pub(crate) fn record_refund(&self, charge: &Charge<'_>, at: u64, now: u64) {
        self.ledger.change(id(charge), |account| {
            let part = account.debt(charge, false)?.of_class(charge.class)?;
            part.refund(&*self.strategy, self.arrivals(charge, now), now.saturating_sub(at));
            Some(())
        });
    }

    /// Forgets the identity: its last known usage and its debt.
    pub(crate) fn forget(&self, charge: &Charge<'_>) {
        self.ledger.change(id(charge), |account| *account = Account::default());
    }

    /// Returns the charge as the fallback decides it, with the shared limits.
    fn arrivals(&self, charge: &Charge<'_>, now: u64) -> impl Iterator<Item = Arrival> {
        let rates = self.share.of(charge.rates).into_iter();
        rates.map(move |rate| charge.arrival(rate, charge.cost, now))
    }
}

fn id(charge: &Charge<'_>) -> u128 {
    Secret::of_process().fingerprint(charge.domain, charge.key)
}
