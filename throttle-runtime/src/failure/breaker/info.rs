//! What a breaker says about itself.

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
    /// All of them.
    Closed,
    /// None.
    Open,
    /// One at a time, to see whether the backend is well again.
    HalfOpen,
}

impl State {
    /// As it stands in events: `closed`, `open` or `half_open`.
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

/// A breaker as it was at one moment.
///
/// ```
/// use throttle::Breaker;
/// use throttle::breaker::State;
///
/// fn is_well(breaker: &Breaker) -> bool {
///     breaker.info().state == State::Closed
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// An open breaker becomes half-open by the first request after [`next_attempt`](Self::next_attempt), so
    /// without requests it stays open.
    pub state: State,
    /// While closed, the failures since the last success; else those that opened it and those of the probes
    /// since.
    pub failures: u32,
    /// While half-open, the successful probes so far; else 0.
    pub successes: u32,
    /// When it opened last, by the breaker's clock; `None` while closed.
    pub opened_at: Option<SystemTime>,
    /// The moment from which a request may probe; `None` unless open, and while [forced
    /// open](crate::Breaker::force_open).
    pub next_attempt: Option<SystemTime>,
}
