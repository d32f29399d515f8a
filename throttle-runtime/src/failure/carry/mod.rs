//! The budget survives the outage: what the primary said is where the fallback begins, and what the fallback admitted
//! is charged to the primary afterwards.
//!
//! **Before** the outage [`heard`](Carry::heard) remembers what each decision of the primary left. **During** it
//! [`seed`](Carry::seed) has the fallback begin with the [share](Share) of what is left of that by now, and
//! [`admitted`](Carry::admitted) remembers what was used of it. **After** it an identity that [owes](Carry::owes)
//! something is decided by the fallback until that is [paid](Carry::pay): one charge, which also takes what was used
//! before the outage if the primary has lost it.
//!
//! # The bound
//!
//! **One instance**, with the whole share, admits nothing over the whole of it that a single backend would not have
//! admitted which saw everything: what is admitted, at the times at which it is, fits its states. So it is for fixed
//! windows, both sliding ones and all buckets but one, also if the primary comes back empty or with what it once had,
//! and however often replies are lost or futures dropped. `CostBasedTokenBucket` keeps its own bound over any time,
//! not the average cost of requests before the outage; strategies with a limit that changes keep to the one in force,
//! and know neither carried units nor past load of the fallback's time.
//!
//! An answer of the primary that arrives after the fallback has begun is admitted only if both fit:
//! [`heard`](Carry::heard) and [`admitted`](Carry::admitted) look at each other's numbers under one lock, and the later
//! of the two is denied.
//!
//! **N instances** with a share of 1/N that heard the same last word, and that all pay before one of them asks the
//! primary again, admit together what the strategy lets through in any time, and at most N - 1 units more; where the
//! limit is below N, each fallback lets one unit through per period all the same. Besides that they admit what the
//! others took between what one heard last and the outage, and what others still owe, or go on admitting, while one
//! asks the primary already.
//!
//! What is not known here adds to that: identities that were not heard of, or not lately enough to be among the last
//! 64 Ki, begin with the whole share; what 64 Ki others owe leaves no room to remember more, which is said in the log;
//! of several instances, one whose payment got lost may have it taken for what the others paid. Where the clocks of
//! primary and fallback differ, windows end that much earlier or later.
//!
//! **Less than the limit** is admitted where replies were lost; by up to two units where parts of units are in play;
//! and by logs, since what was used before the outage counts as used when it was heard of.

mod account;
mod debt;
mod denial;
mod gauge;
mod ledger;
mod levels;
mod payment;
mod seed;
mod share;
#[cfg(test)]
mod tests;
mod word;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use self::account::Account;
use self::ledger::Ledger;
use self::payment::Payment;
use self::seed::Seed;
pub(crate) use self::share::Share;
use self::word::Word;
use crate::admission::within;
use crate::backend::{Backend, Charge, Mode};
use crate::clock::Clock;
use crate::fingerprint::Secret;
use crate::log_limit::LogLimit;
use crate::settings::Shared;
use crate::strategy::{Arrival, Strategy};
use crate::{BackendError, BoxFuture, Quota};

/// What is carried from the primary of one throttle to its fallback and back.
///
/// Charges are those to the primary: with its limits, not the shared ones. Times are microseconds by the clock of
/// this process, unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Carry {
    share: Share,
    scope: Arc<str>,
    strategy: Shared<dyn Strategy>,
    ledger: Ledger,
    /// How many requests the fallback has admitted.
    admissions: AtomicU64,
    /// Admissions for which there was no room.
    no_room: LogLimit,
    /// Held by whoever pays for all.
    paying: Arc<Mutex<()>>,
}

/// How many debts are paid at a time.
const AT_A_TIME: usize = 8;

impl Carry {
    /// For a throttle whose states are kept in that scope, by that strategy.
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

    /// The number of the last admission by the fallback: read it before the primary is called, for
    /// [`heard`](Self::heard).
    pub(crate) fn admissions(&self) -> u64 {
        self.admissions.load(Acquire)
    }

    /// The primary decided, whichever way: this is what it left, at the time `at` of its own clock. Returns whether its
    /// charge came too late: since the call, after the admission number `sent`, the fallback has admitted what the
    /// primary has no room for. Then the answer is how many units are refunded: those that do not take the place of
    /// units that the primary had no room for.
    pub(crate) fn heard(
        &self,
        charge: &Charge<'_>,
        (quotas, at): (&[Quota], u64),
        now: u64,
        sent: u64,
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

    /// Sees that the fallback begins with what was heard: to be asked before each of its decisions.
    ///
    /// Whoever goes on after it finds that done, by itself or by another. It may be done several times, and dropped.
    ///
    /// # Errors
    ///
    /// If the fallback fails: then it has not begun, and is asked again next time.
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
        within(deadline, standby.decide(&charges, Mode::Take)).await?;
        self.ledger.open(id, |account, has_room| seed.begin(account, has_room, charge, now));
        Ok(())
    }

    /// Whether the fallback has to [begin](Self::seed) with something yet.
    pub(crate) fn has_news(&self, charge: &Charge<'_>) -> bool {
        self.ledger.read(id(charge), |account| account.is_new).unwrap_or(false)
    }

    /// The fallback admitted that at `now`. Returns whether it may: not if an answer of the primary that arrived since
    /// the fallback [began](Self::seed) has left too little, and then nothing is remembered.
    #[must_use]
    pub(crate) fn admitted(&self, charge: &Charge<'_>, now: u64) -> bool {
        let kept = self.ledger.open(id(charge), |account, has_room| {
            let part = account.debt(charge, has_room)?.part(charge.class)?;
            let before = part.add(&*self.strategy, self.arrivals(charge, now));
            if account.is_new && account.is_over(self, charge, now) {
                if let Some(part) = account.debt(charge, false).and_then(|debt| debt.part(charge.class)) {
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
            tracing::warn!(target: "throttle", scope, omitted, "too many identities: what the fallback admits to more is not charged to the backend later");
        }
        kept.unwrap_or(true)
    }

    /// What the fallback admitted at `at`, as [`admitted`](Self::admitted) was told it, was given back.
    pub(crate) fn gave_back(&self, charge: &Charge<'_>, at: u64, now: u64) {
        self.ledger.change(id(charge), |account| {
            let part = account.debt(charge, false)?.part(charge.class)?;
            part.refund(&*self.strategy, self.arrivals(charge, now), now.saturating_sub(at));
            Some(())
        });
    }

    /// The identity is forgotten: what was heard of it, and what it owes.
    pub(crate) fn forget(&self, charge: &Charge<'_>) {
        self.ledger.change(id(charge), |account| *account = Account::default());
    }

    /// Whether the identity owes something, so that the fallback decides about it until that is paid.
    pub(crate) fn owes(&self, charge: &Charge<'_>) -> bool {
        let owes = || self.ledger.read(id(charge), |account| account.debt.is_some());
        self.ledger.is_owed() && owes().unwrap_or(false)
    }

    /// Whether anybody owes something.
    pub(crate) fn is_owed(&self) -> bool {
        self.ledger.is_owed()
    }

    /// The turn to pay for all, if nobody is at it.
    pub(crate) fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.paying).try_lock_owned().ok()
    }

    /// Charges the primary what the identity owes. If somebody else does so already, there is nothing to do:
    /// [`owes`](Self::owes) says when it is done.
    ///
    /// # Errors
    ///
    /// If the primary fails. The debt is kept; if it may have been charged, what is charged next time is no more than
    /// makes up for all of it.
    pub(crate) async fn pay(
        &self,
        charge: &Charge<'_>,
        primary: &dyn Backend,
        deadline: Duration,
        now: u64,
    ) -> Result<(), BackendError> {
        self.pay_one(id(charge), primary, deadline, now).await
    }

    /// Pays everything that is owed, a few identities at a time.
    ///
    /// # Errors
    ///
    /// The first error of the primary; those after it were not tried.
    pub(crate) async fn pay_all(
        &self,
        primary: &dyn Backend,
        deadline: Duration,
        clock: &dyn Clock,
    ) -> Result<(), BackendError> {
        for ids in self.ledger.owing().chunks(AT_A_TIME) {
            let payments = ids.iter().map(|id| -> BoxFuture<'_, _> {
                Box::pin(self.pay_one(*id, primary, deadline, clock.now()))
            });
            all(payments.collect()).await?;
        }
        Ok(())
    }

    async fn pay_one(
        &self,
        id: u128,
        primary: &dyn Backend,
        deadline: Duration,
        now: u64,
    ) -> Result<(), BackendError> {
        let Some((payment, bill)) = Payment::begin(self, id, now) else { return Ok(()) };
        if bill.is_void(now) {
            payment.close();
            return Ok(());
        }
        let charges = bill.charges(&self.scope);
        match within(deadline, primary.decide(&charges, Mode::Take)).await {
            Ok(verdict) => payment.made((&bill, &charges), &verdict, now),
            Err(error) => {
                if error.is_nothing_charged() {
                    payment.refused();
                }
                Err(error)
            }
        }
    }

    /// The charge as the fallback decides it.
    fn arrivals(&self, charge: &Charge<'_>, now: u64) -> impl Iterator<Item = Arrival> {
        let rates = self.share.of(charge.rates).into_iter();
        rates.map(move |rate| charge.arrival(rate, charge.cost, now))
    }
}

fn id(charge: &Charge<'_>) -> u128 {
    Secret::of_process().fingerprint(charge.domain, charge.key)
}

/// Waits for all of them, and says how the first failed.
async fn all(mut futures: Vec<BoxFuture<'_, Result<(), BackendError>>>) -> Result<(), BackendError> {
    let mut failed = Ok(());
    poll_fn(|context| {
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            Poll::Ready(result) => {
                if failed.is_ok() {
                    failed = result;
                }
                false
            }
            Poll::Pending => true,
        });
        if futures.is_empty() { Poll::Ready(std::mem::replace(&mut failed, Ok(()))) } else { Poll::Pending }
    })
    .await
}
