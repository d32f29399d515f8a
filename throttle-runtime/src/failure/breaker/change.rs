//! A change of a breaker's state, and who is told of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{State, time};
use crate::log_limit::LogLimit;

/// A change of a breaker's state.
///
/// Each is also an event of `tracing` with the target `throttle`: a warning when the breaker opens, an
/// information when it becomes half-open and when it closes. A breaker that changes to the same state several times
/// within a second logs the first change, and the number of the others with the next one; the hook receives all.
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

/// Limits how often changes of one breaker to each of its states are logged. The hook receives all of them.
#[derive(Debug)]
pub(super) struct ChangeLogs {
    opened: LogLimit,
    half_opened: LogLimit,
    closed: LogLimit,
}

impl ChangeLogs {
    pub(super) const fn new() -> Self {
        Self { opened: LogLimit::new(), half_opened: LogLimit::new(), closed: LogLimit::new() }
    }

    const fn to(&self, state: State) -> &LogLimit {
        match state {
            State::Open => &self.opened,
            State::HalfOpen => &self.half_opened,
            State::Closed => &self.closed,
        }
    }
}

impl Change {
    pub(super) fn new(breaker: &Arc<str>, (from, to): (State, State), failures: u32, at: u64) -> Self {
        let (breaker, at) = (Arc::clone(breaker), time(at).unwrap_or(UNIX_EPOCH));
        Self { breaker, from, to, failures, elsewhere: false, at }
    }

    /// Tells everybody. The hook is not ours, so no lock may be held; the event comes first, since the hook may
    /// panic.
    pub(super) fn publish(&self, logs: &ChangeLogs, hook: Option<fn(&Self)>) {
        self.log(logs);
        if let Some(hook) = hook {
            hook(self);
        }
    }

    fn log(&self, logs: &ChangeLogs) {
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let Some(omitted) = logs.to(self.to).admit(at) else { return };
        let Self { breaker, failures, .. } = self;
        let (breaker, from, to, omitted) = (&**breaker, self.from.name(), self.to.name(), omitted.field());
        match self.to {
            State::Open if self.elsewhere => {
                tracing::warn!(target: "throttle", breaker, from, to, failures, omitted, "a circuit breaker opened, as that of another instance did");
            }
            State::Open => {
                tracing::warn!(target: "throttle", breaker, from, to, failures, omitted, "a circuit breaker opened");
            }
            State::HalfOpen => {
                tracing::info!(target: "throttle", breaker, from, to, failures, omitted, "a circuit breaker probes");
            }
            State::Closed => {
                tracing::info!(target: "throttle", breaker, from, to, failures, omitted, "a circuit breaker closed");
            }
        }
    }
}
