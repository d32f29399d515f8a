//! The state of a breaker, and a snapshot of it.

use std::fmt;
use std::time::SystemTime;

/// Whether a breaker lets requests through to the backend.
///
/// ```
/// use throttle::breaker::State;
///
/// assert_eq!(State::HalfOpen.to_string(), "half_open");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// All requests reach the backend.
    Closed,
    /// No request reaches the backend.
    Open,
    /// One request at a time reaches the backend, to probe whether the backend has recovered.
    HalfOpen,
}

impl State {
    /// Returns the name of the state, as in events: `closed`, `open` or `half_open`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A snapshot of a breaker.
///
/// ```
/// use throttle::Breaker;
/// use throttle::breaker::State;
///
/// fn is_well(breaker: &Breaker) -> bool {
///     breaker.snapshot().state == State::Closed
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state. An open breaker becomes half-open with the first request after
    /// [`next_attempt`](Self::next_attempt). Without requests, it stays open.
    pub state: State,
    /// While closed, the number of failures since the last success. Otherwise, the failures that opened the
    /// breaker plus the failures of the probes since.
    pub failures: u32,
    /// While half-open, the number of successful probes so far; otherwise 0.
    pub successes: u32,
    /// The time of the last opening, by the breaker's clock; `None` while closed.
    pub opened_at: Option<SystemTime>,
    /// The time from which a request may probe. `None` if the breaker is not open, and while it is [forced
    /// open](crate::Breaker::force_open).
    pub next_attempt: Option<SystemTime>,
}
