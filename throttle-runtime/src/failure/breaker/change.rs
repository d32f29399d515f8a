//! A change of a breaker's state, and who is told of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{State, time};

/// A change of a breaker's state.
///
/// Each is also an event of `tracing` with the target `throttle`: a warning when the breaker opens, an
/// information when it becomes half-open and when it closes.
///
/// ```
/// use throttle::breaker::{Change, State};
///
/// fn page_somebody(change: &Change) {
///     if change.to == State::Open {
///         eprintln!("{} is open after {} failures", change.breaker, change.failures);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The name of the breaker.
    pub breaker: Arc<str>,
    /// What it was. It was open already if somebody forced it to stay so.
    pub from: State,
    /// What it is.
    pub to: State,
    /// The failures in a row that were counted until then.
    pub failures: u32,
    /// Whether it opened because another instance's breaker of this name has: see
    /// [`shared`](crate::CircuitBreaker::shared).
    pub elsewhere: bool,
    /// When it changed, by the breaker's clock.
    pub at: SystemTime,
}

impl Change {
    pub(super) fn new(breaker: &Arc<str>, (from, to): (State, State), failures: u32, at: u64) -> Self {
        let (breaker, at) = (Arc::clone(breaker), time(at).unwrap_or(UNIX_EPOCH));
        Self { breaker, from, to, failures, elsewhere: false, at }
    }

    /// Tells everybody. The hook is not ours, so no lock may be held; the event comes first, since the hook may
    /// panic.
    pub(super) fn publish(&self, hook: Option<fn(&Self)>) {
        let Self { breaker, failures, .. } = self;
        let (breaker, from, to) = (&**breaker, self.from.name(), self.to.name());
        match self.to {
            State::Open if self.elsewhere => {
                tracing::warn!(target: "throttle", breaker, from, to, failures, "a circuit breaker opened, as that of another instance did");
            }
            State::Open => {
                tracing::warn!(target: "throttle", breaker, from, to, failures, "a circuit breaker opened");
            }
            State::HalfOpen => {
                tracing::info!(target: "throttle", breaker, from, to, failures, "a circuit breaker probes");
            }
            State::Closed => {
                tracing::info!(target: "throttle", breaker, from, to, failures, "a circuit breaker closed");
            }
        }
        if let Some(hook) = hook {
            hook(self);
        }
    }
}
