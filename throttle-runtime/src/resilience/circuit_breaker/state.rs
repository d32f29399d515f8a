//! State changes of a breaker: the event and the hook.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{State, time};
use crate::util::log_limit::LogLimit;

/// A state change of a breaker.
///
/// Each change is also an event of `tracing` with the target `throttle`. The level is WARN if the breaker
/// opens, and INFO if it becomes half-open or closes. A breaker that changes to the same state several times
/// within a second logs only the first change. The next event contains the number of omitted changes. The hook
/// receives all changes.
///
/// ```
/// use throttle::breaker::{Transition, State};
///
/// fn page_somebody(change: &Transition) {
///     if change.to == State::Open {
///         eprintln!("{} is open after {} failures", change.breaker, change.failures);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The name of the breaker.
    pub breaker: Arc<str>,
    /// The state before the change. It is `Open` if the breaker was open and is now forced open.
    pub from: State,
    /// The state after the change.
    pub to: State,
    /// The number of failures in a row up to the change.
    pub failures: u32,
    /// Whether the breaker opened because the breaker with the same name in another instance opened: see
    /// [`shared`](crate::CircuitBreaker::shared).
    pub remote: bool,
    /// The time of the change, by the breaker's clock.
    pub at: SystemTime,
}

/// Limits how often changes of one breaker are logged, for each target state. The hook receives all changes.
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

impl Transition {
    pub(super) fn new(breaker: &Arc<str>, (from, to): (State, State), failures: u32, at: u64) -> Self {
        let (breaker, at) = (Arc::clone(breaker), time(at).unwrap_or(UNIX_EPOCH));
        Self { breaker, from, to, failures, remote: false, at }
    }

    /// Logs the change and calls the hook. The hook is user code, so the caller must hold no lock. The event
    /// comes first, because the hook may panic.
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
            State::Open if self.remote => {
                tracing::warn!(target: "throttle", breaker, from, to, failures, omitted, "a circuit breaker opened, because another instance opened it");
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
