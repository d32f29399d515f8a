//! The fast path of a throttle: a decision in memory, if nothing has to be resolved.

use super::Throttle;
use super::counters::Event;
use crate::backend::{FastPath, Mode};
use crate::config::policy::Policy;
use crate::decision::Quota;
use crate::hit::FastHit;

impl Throttle {
    /// Fast path: returns the decision if nothing has to be resolved and no other thread interferes. Most
    /// decisions in memory are made here, so it does only what they need.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn attempt(&self, policy: &Policy, hit: FastHit<'_>, mode: Mode) -> Option<Quota> {
        let (fast_path, cost) = self.fast_path(policy, hit, mode)?;
        let quota = fast_path.attempt(hit.key, cost, mode)?;
        self.count_at_once(&quota, mode);
        Some(quota)
    }

    /// Like [`attempt`](Self::attempt), by the policy that the throttle was created with. Returns `None` after an
    /// update: see [`attempt_updated`](Self::attempt_updated).
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn attempt_initial(&self, hit: FastHit<'_>, mode: Mode) -> Option<Quota> {
        self.attempt(self.history().initial()?, hit, mode)
    }

    /// Like [`attempt`](Self::attempt), by the policy of an update. It takes no lock and counts no readers.
    /// Apart from [`attempt_initial`](Self::attempt_initial), because a decision that two calls may return would
    /// go through memory.
    pub(crate) fn attempt_updated(&self, hit: FastHit<'_>, mode: Mode) -> Option<Quota> {
        let policy = self.history().updated()?;
        self.attempt(&policy, hit, mode)
    }

    /// Decides after an [attempt](Self::attempt) failed, if need be after other threads are done.
    pub(crate) fn at_once(&self, policy: &Policy, hit: FastHit<'_>, mode: Mode) -> Option<Quota> {
        let (fast_path, cost) = self.fast_path(policy, hit, mode)?;
        let quota = fast_path.decide(hit.key, cost, mode)?;
        self.count_at_once(&quota, mode);
        Some(quota)
    }

    #[inline]
    fn fast_path<'p>(&self, policy: &'p Policy, hit: FastHit<'_>, mode: Mode) -> Option<(&'p FastPath, u64)> {
        let fast_path = policy.fast_path.as_ref().filter(|_| self.is_enforced())?;
        Some((fast_path, hit.cost.or(policy.constant_cost).filter(|&cost| cost > 0 || mode == Mode::Peek)?))
    }

    #[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
    #[inline(always)]
    fn count_at_once(&self, quota: &Quota, mode: Mode) {
        if mode == Mode::Consume {
            self.0.counters.count(if quota.fits() { Event::Allowed } else { Event::Denied });
        }
    }
}
