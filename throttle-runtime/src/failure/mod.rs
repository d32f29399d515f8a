//! What becomes of a request when the backend fails.

pub mod breaker;
mod carry;
mod kinds;
mod recovery;
mod rescue;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use breaker::{Breaker, CircuitBreaker};
pub(crate) use breaker::{Entry, Identity, Permit};
pub(crate) use carry::{Carry, Share};
pub(crate) use kinds::Kinds;
pub use recovery::{Recovery, failover, fallback, retry};
pub(crate) use rescue::{Rescue, Standby};

use crate::{BackendError, Key, Rates};

/// What becomes of a request that the backend could not decide.
///
/// In the attribute: `on_error = "allow"`, `"throttle"`, `"raise"`, one of these values, or a plain async fn
/// that takes the [`Failure`] (and extractors of the request head) and returns a [`Reaction`].
///
/// ```
/// use std::time::Duration;
/// use throttle::OnError;
///
/// assert_eq!(OnError::default(), OnError::Throttle(Duration::from_secs(1)));
/// assert_eq!(OnError::default().to_string(), "throttle(1s)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// Fail open: the request passes.
    Allow,
    /// Fail closed: the request is throttled for this long, at least a microsecond.
    Throttle(Duration),
    /// The error is the answer: status 500 on a web request, [`Refused::Failed`](crate::Refused) elsewhere.
    Raise,
}

impl OnError {
    /// The names that attributes and configuration files may use.
    const NAMED: [(&'static str, Self); 3] = [
        ("allow", Self::Allow),
        ("throttle", Self::Throttle(Duration::from_secs(1))),
        ("raise", Self::Raise),
    ];

    /// The policy of that name: `allow`, `throttle` (for a second) or `raise`.
    pub const fn named(name: &str) -> Option<Self> {
        let mut index = 0;
        while index < Self::NAMED.len() {
            if same(Self::NAMED[index].0.as_bytes(), name.as_bytes()) {
                return Some(Self::NAMED[index].1);
            }
            index += 1;
        }
        None
    }

    pub(crate) const fn reaction(self) -> Reaction {
        match self {
            Self::Allow => Reaction::Allow,
            Self::Throttle(wait) => Reaction::Throttle(wait),
            Self::Raise => Reaction::Propagate,
        }
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

impl Default for OnError {
    /// Fail closed, for a second.
    fn default() -> Self {
        Self::Throttle(Duration::from_secs(1))
    }
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Throttle(wait) => write!(f, "throttle({wait:?})"),
            Self::Raise => f.write_str("raise"),
        }
    }
}

/// What an `on_error` function answers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Reaction {
    /// The request passes.
    Allow,
    /// The request is throttled for this long, at least a microsecond.
    Throttle(Duration),
    /// The backend's error is the answer.
    Propagate,
    /// Another error is the answer.
    Raise(BackendError),
}

impl Reaction {
    /// For the event that says what was done.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Throttle(_) => "throttle",
            Self::Propagate | Self::Raise(_) => "raise",
        }
    }
}

/// A backend error as an `on_error` function sees it.
///
/// An argument of that function; it is there for no other.
#[derive(Debug, Clone)]
pub struct Failure(Arc<Details>);

#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) error: BackendError,
    pub(crate) uid: Arc<str>,
    pub(crate) key: Key,
    pub(crate) cost: u64,
    pub(crate) rates: Rates,
    pub(crate) backend: Arc<str>,
    pub(crate) attempt: u32,
}

impl Failure {
    pub(crate) fn new(details: Details) -> Self {
        Self(Arc::new(details))
    }

    /// What went wrong.
    pub fn error(&self) -> &BackendError {
        &self.0.error
    }

    /// The throttle.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// Who would have been charged.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// How much would have been charged.
    pub fn cost(&self) -> u64 {
        self.0.cost
    }

    /// The limits it would have been charged to.
    pub fn rates(&self) -> Rates {
        self.0.rates
    }

    /// The name of the backend that failed.
    pub fn backend(&self) -> &str {
        &self.0.backend
    }

    /// Which attempt failed, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}
