//! How often each kind of decision was made.

mod thread;

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{BackendError, Decision, Source};

/// How often a throttle made each kind of decision since the process began.
///
/// Each decision is counted once as an outcome: the fields from `allowed` to `given_back` add up to
/// [`decisions`](Self::decisions), and a stacked graph of [`by_outcome`](Self::by_outcome) is right. The other fields say more
/// about decisions that are counted there already, so they must not be added to them.
///
/// | field | is a part of |
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
/// Counts carry no keys, so they are safe as metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Allowed by the backend, and charged.
    pub allowed: u64,
    /// Denied by the backend, and enforced.
    pub denied: u64,
    /// Would have been denied, but the throttle runs dry.
    pub would_deny: u64,
    /// Passed without asking the backend: switched off, exempt, unlimited or free.
    pub skipped: u64,
    /// Not let in, as `deny` has the client.
    pub forbidden: u64,
    /// The backend failed and the request was allowed.
    pub allowed_on_error: u64,
    /// The backend failed and the request was throttled.
    pub throttled_on_error: u64,
    /// The backend failed and the error was the answer.
    pub raised: u64,
    /// Allowed by this throttle, but denied by another that decides about the same request: nothing stays charged.
    pub given_back: u64,
    /// Allowed, and then given back as the response or the program said: these are among the allowed ones, too.
    pub refunded: u64,
    /// The backend failed and another one decided: these are among the allowed and the denied ones.
    pub fallback: u64,
    /// Decided by another backend without asking the first one, as its circuit breaker was open: among the allowed
    /// and the denied ones, too.
    pub breaker_open: u64,
    /// Denied by what the backend had said before, without asking it again: among the denied ones.
    pub cached: u64,
    /// Requests that were sent to the backend again.
    pub retries: u64,
}

impl Counts {
    /// How many decisions the throttle made: the sum of all outcomes.
    pub fn decisions(&self) -> u64 {
        self.by_outcome().iter().map(|(_, count)| count).sum()
    }

    /// How many decisions had each outcome, by the name of the field. Each decision has one outcome.
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

/// What is counted.
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

    /// The event that a decision is.
    pub(crate) fn of(decision: Result<&Decision, &BackendError>) -> Self {
        let Ok(decision) = decision else { return Self::Raised };
        match decision.source() {
            Source::DryRun => Self::WouldDeny,
            Source::AllowedOnError => Self::AllowedOnError,
            Source::ThrottledOnError => Self::ThrottledOnError,
            Source::Backend
            | Source::Cached
            | Source::Fallback
            | Source::BreakerOpen
            | Source::Concurrency
            | Source::Program => {
                if decision.is_allowed() {
                    Self::Allowed
                } else {
                    Self::Denied
                }
            }
            Source::Forbidden => Self::Forbidden,
            Source::Disabled | Source::Exempt | Source::Bypassed | Source::Unlimited | Source::Free => {
                Self::Skipped
            }
        }
    }

    /// What is counted of where a decision came from, beside what it was.
    pub(crate) const fn of_source(source: Source) -> Option<Self> {
        match source {
            Source::Fallback => Some(Self::Fallback),
            Source::BreakerOpen => Some(Self::BreakerOpen),
            Source::Cached => Some(Self::Cached),
            _ => None,
        }
    }
}

/// Counters in several stripes, each on cache lines of its own, so that threads that count at the same time
/// do not wait for each other. Most stripes have one thread each, which needs no atomic addition either.
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
        match self.0[..SHARED].get(thread::stripe()) {
            // Nobody else writes to it.
            Some(Stripe(own)) => {
                let counter = &own[event as usize];
                counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            None => self.count_shared(event),
        }
    }

    /// A count of a thread without a stripe of its own, or the first of a thread.
    #[cold]
    #[inline(never)]
    fn count_shared(&self, event: Event) {
        self.0[thread::settle()].0[event as usize].fetch_add(1, Ordering::Relaxed);
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

/// The stripe of the threads that found no other free.
const SHARED: usize = STRIPES - 1;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Counters, Event, STRIPES};

    /// More threads than stripes, some of which end before others begin.
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
