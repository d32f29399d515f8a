//! How often each kind of decision was made.

use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::{BackendError, Decision, Source};

/// How often a throttle made each kind of decision since the process began.
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
    /// The backend failed and the request was allowed.
    pub allowed_on_error: u64,
    /// The backend failed and the request was throttled.
    pub throttled_on_error: u64,
    /// The backend failed and the error was the answer.
    pub raised: u64,
    /// Allowed by this throttle, but then denied by another on the same function: the charge was given back.
    pub given_back: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    Allowed,
    Denied,
    WouldDeny,
    Skipped,
    AllowedOnError,
    ThrottledOnError,
    Raised,
    GivenBack,
}

impl Event {
    const COUNT: usize = 8;

    /// The event that a decision is.
    pub(crate) fn of(decision: &Result<Decision, BackendError>) -> Self {
        let Ok(decision) = decision else { return Self::Raised };
        match decision.source() {
            Source::DryRun => Self::WouldDeny,
            Source::AllowedOnError => Self::AllowedOnError,
            Source::ThrottledOnError => Self::ThrottledOnError,
            Source::Backend | Source::Program if decision.is_allowed() => Self::Allowed,
            Source::Backend | Source::Program => Self::Denied,
            Source::Disabled | Source::Exempt | Source::Unlimited | Source::Free => Self::Skipped,
        }
    }
}

/// Counters in several stripes, each on a cache line of its own, so that threads that count at the same time
/// do not wait for each other.
#[derive(Debug)]
pub(crate) struct Counters([Stripe; STRIPES]);

const STRIPES: usize = 8;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Stripe([AtomicU64; Event::COUNT]);

impl Counters {
    pub(crate) fn new() -> Self {
        Self(array::from_fn(|_| Stripe::default()))
    }

    pub(crate) fn count(&self, event: Event) {
        self.0[stripe()].0[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counts {
        let sum =
            |event: Event| self.0.iter().map(|stripe| stripe.0[event as usize].load(Ordering::Relaxed)).sum();
        Counts {
            allowed: sum(Event::Allowed),
            denied: sum(Event::Denied),
            would_deny: sum(Event::WouldDeny),
            skipped: sum(Event::Skipped),
            allowed_on_error: sum(Event::AllowedOnError),
            throttled_on_error: sum(Event::ThrottledOnError),
            raised: sum(Event::Raised),
            given_back: sum(Event::GivenBack),
        }
    }
}

/// The stripe of this thread.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    STRIPE.with(|stripe| *stripe)
}
