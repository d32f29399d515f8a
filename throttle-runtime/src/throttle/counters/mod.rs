//! Counters of each kind of decision.

mod stripe;
use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decision::{Decision, DecisionReason};
use crate::error::BackendError;

/// How often a throttle made each kind of decision since it was created.
///
/// Each decision is counted once as an outcome: the fields from `allowed` to `given_back` add up to
/// [`decisions`](Self::decisions), so [`by_outcome`](Self::by_outcome) is suitable for a stacked graph. The
/// other fields give details about decisions that are already counted as an outcome, so do not add them to the
/// outcomes.
///
/// | field | is counted within |
/// |---|---|
/// | `refunded` | `allowed` |
/// | `cached` | `denied` and `would_deny` |
/// | `fallback`, `breaker_open` | `allowed`, `denied`, `would_deny` and `given_back` |
/// | `retries` | no decisions, but requests to the backend |
///
/// ```
/// use throttle::{Settings, registry};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = registry().build().await?;
/// let exports = registry.create("exports", Settings::new().rate("2/hour"))?;
/// for _ in 0..5 {
///     exports.hit("alice").await?;
/// }
/// let counts = exports.counts();
/// assert_eq!((counts.allowed, counts.denied, counts.decisions()), (2, 3, 5));
/// # Ok(())
/// # }
/// ```
///
/// Counts contain no keys, so they are safe to export as metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Uses that the backend allowed and charged.
    pub allowed: u64,
    /// Uses that the backend denied, with the denial enforced.
    pub denied: u64,
    /// Uses that would have been denied, but passed because the throttle is in dry-run mode.
    pub would_deny: u64,
    /// Uses that passed without a call to the backend: the throttle is disabled, or the use is exempt,
    /// bypassed, unlimited or free.
    pub skipped: u64,
    /// Requests of clients on the `deny` list, which are rejected.
    pub forbidden: u64,
    /// Uses that `on_error` allowed after the backend failed.
    pub allowed_on_error: u64,
    /// Uses that `on_error` throttled after the backend failed.
    pub throttled_on_error: u64,
    /// Uses that failed with the error of the backend.
    pub raised: u64,
    /// Uses that this throttle allowed, but that another throttle of the same request denied. Their charge is
    /// refunded.
    pub given_back: u64,
    /// Allowed uses that were refunded later, by `charge_when` or by the program. They are also counted in
    /// `allowed`.
    pub refunded: u64,
    /// Decisions of the fallback after the backend failed. They are also counted as an outcome.
    pub fallback: u64,
    /// Decisions of the fallback without a call to the backend, because its circuit breaker was open. They are
    /// also counted as an outcome.
    pub breaker_open: u64,
    /// Denials that a previous answer of the backend determined, without another call. They are also counted as
    /// an outcome.
    pub cached: u64,
    /// Requests that were sent to the backend again.
    pub retries: u64,
}

impl Counts {
    /// Returns how many decisions the throttle made: the sum of all outcomes.
    pub fn decisions(&self) -> u64 {
        self.by_outcome().iter().map(|(_, count)| count).sum()
    }

    /// Returns how many decisions had each outcome, by the name of the field. Each decision has one outcome.
    pub const fn by_outcome(&self) -> [(&'static str, u64); 9] {
        [
            ("allowed", self.allowed),
            ("denied", self.denied),
            ("would_deny", self.would_deny),
            ("skipped", self.skipped),
            ("forbidden", self.forbidden),
            ("allowed_on_error", self.allowed_on_error),
            ("throttled_on_error", self.throttled_on_error),
            ("raised", self.raised),
            ("given_back", self.given_back),
        ]
    }
}

/// A kind of event that is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    Allowed,
    Denied,
    WouldDeny,
    Skipped,
    Forbidden,
    AllowedOnError,
    ThrottledOnError,
    Raised,
    GivenBack,
    Refunded,
    Fallback,
    BreakerOpen,
    Cached,
    Retried,
}

impl Event {
    const COUNT: usize = Self::Retried as usize + 1;

    /// Returns the event for the outcome of a decision.
    pub(crate) fn of(decision: Result<&Decision, &BackendError>) -> Self {
        let Ok(decision) = decision else { return Self::Raised };
        match decision.reason() {
            DecisionReason::DryRun => Self::WouldDeny,
            DecisionReason::AllowedOnError => Self::AllowedOnError,
            DecisionReason::ThrottledOnError => Self::ThrottledOnError,
            DecisionReason::Backend
            | DecisionReason::Cached
            | DecisionReason::Fallback
            | DecisionReason::BreakerOpen
            | DecisionReason::Concurrency
            | DecisionReason::Program => {
                if decision.is_allowed() {
                    Self::Allowed
                } else {
                    Self::Denied
                }
            }
            DecisionReason::Forbidden => Self::Forbidden,
            DecisionReason::Disabled
            | DecisionReason::Exempt
            | DecisionReason::Bypassed
            | DecisionReason::Unlimited
            | DecisionReason::Free => Self::Skipped,
        }
    }

    /// Returns the event for the reason of a decision, which is counted in addition to its outcome.
    pub(crate) const fn of_reason(reason: DecisionReason) -> Option<Self> {
        match reason {
            DecisionReason::Fallback => Some(Self::Fallback),
            DecisionReason::BreakerOpen => Some(Self::BreakerOpen),
            DecisionReason::Cached => Some(Self::Cached),
            _ => None,
        }
    }
}

/// Counters in several stripes. Each stripe has its own cache lines, so that threads that count concurrently do
/// not wait for each other. Most stripes belong to one thread, which then needs no atomic addition.
#[derive(Debug)]
pub(crate) struct Counters([Stripe; STRIPES]);

const STRIPES: usize = 16;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; Event::COUNT]);

impl Counters {
    pub(crate) fn new() -> Self {
        Self(array::from_fn(|_| Stripe::default()))
    }

    #[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        match self.0[..SHARED].get(stripe::stripe()) {
            // No other thread writes to this stripe.
            Some(Stripe(own)) => {
                let counter = &own[event as usize];
                counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            None => self.count_shared(event),
        }
    }

    /// Counts for a thread without a stripe of its own, or for the first event of a thread.
    #[cold]
    #[inline(never)]
    fn count_shared(&self, event: Event) {
        self.0[stripe::settle()].0[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let sum =
            |event: Event| self.0.iter().map(|stripe| stripe.0[event as usize].load(Ordering::Relaxed)).sum();
        Counts {
            allowed: sum(Event::Allowed),
            denied: sum(Event::Denied),
            would_deny: sum(Event::WouldDeny),
            skipped: sum(Event::Skipped),
            forbidden: sum(Event::Forbidden),
            allowed_on_error: sum(Event::AllowedOnError),
            throttled_on_error: sum(Event::ThrottledOnError),
            raised: sum(Event::Raised),
            given_back: sum(Event::GivenBack),
            refunded: sum(Event::Refunded),
            fallback: sum(Event::Fallback),
            breaker_open: sum(Event::BreakerOpen),
            cached: sum(Event::Cached),
            retries: sum(Event::Retried),
        }
    }
}

/// The stripe of all threads that found no other stripe free.
const SHARED: usize = STRIPES - 1;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Counters, Event, STRIPES};

    /// More threads than stripes. Some threads end before others begin.
    #[test]
    fn threads_lose_no_count() {
        let counters = Counters::new();
        for _ in 0..2 {
            thread::scope(|scope| {
                for _ in 0..STRIPES + 2 {
                    scope.spawn(|| (0..5).for_each(|_| counters.count(Event::Allowed)));
                }
            });
        }
        assert_eq!(counters.read().allowed, 2 * (STRIPES as u64 + 2) * 5);
    }
}
