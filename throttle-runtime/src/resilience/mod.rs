//! Failure handling: what happens to a request when its backend fails.

pub mod circuit_breaker;
mod kinds;
mod reconciliation;
mod recovery;
mod recovery_plan;
mod retry;
pub(crate) mod share;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use circuit_breaker::{Breaker, CircuitBreaker};
pub(crate) use circuit_breaker::{Entry, Identity, Permission};
pub(crate) use kinds::Kinds;
pub(crate) use reconciliation::{PrimaryAnswer, Reconciler, Share};
pub use recovery::{Recovery, failover, fallback, retry};
pub(crate) use recovery_plan::{ResolvedRecovery, Standby};

use crate::error::BackendError;
use crate::key::Key;
use crate::rate::Rates;

/// The policy for a request that the backend could not decide.
///
/// In the attribute, `on_error` accepts `"allow"`, `"throttle"`, `"raise"`, one of these values, or a plain
/// async function. The function takes the [`Failure`] (and extractors that read the request parts) and returns
/// an [`ErrorAction`].
///
/// # Default
///
/// [`Throttle`](Self::Throttle) for 1 second.
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
    /// Fails open: the request passes.
    Allow,
    /// Fails closed: the request is throttled for this duration, at least 1 microsecond.
    Throttle(Duration),
    /// Propagates the error: status 500 for a web request, [`ThrottleError::Failed`](crate::ThrottleError) elsewhere.
    Raise,
}

impl OnError {
    /// The names that attributes and configuration files may use.
    const NAMED: [(&'static str, Self); 3] = [
        ("allow", Self::Allow),
        ("throttle", Self::Throttle(Duration::from_secs(1))),
        ("raise", Self::Raise),
    ];

    /// Returns the policy with this name: `allow`, `throttle` (for 1 second) or `raise`. Returns `None` for any
    /// other name.
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

    pub(crate) const fn reaction(self) -> ErrorAction {
        match self {
            Self::Allow => ErrorAction::Allow,
            Self::Throttle(wait) => ErrorAction::Throttle(wait),
            Self::Raise => ErrorAction::Propagate,
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
    /// Fails closed, for 1 second.
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

/// The result of an `on_error` function: what happens to the request.
///
/// ```
/// use std::time::Duration;
/// use throttle::{ErrorAction, ErrorKind, Failure, throttle};
///
/// async fn policy(failure: Failure) -> ErrorAction {
///     match failure.error().kind() {
///         ErrorKind::Timeout => ErrorAction::Throttle(Duration::from_secs(5)),
///         _ => ErrorAction::Allow,
///     }
/// }
///
/// #[throttle(rate = "100/min", on_error = policy)]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ErrorAction {
    /// The request passes.
    Allow,
    /// The request is throttled for this duration, at least 1 microsecond.
    Throttle(Duration),
    /// The caller receives the error of the backend.
    Propagate,
    /// The caller receives this error instead of the error of the backend.
    Raise(BackendError),
}

impl ErrorAction {
    /// The name of the reaction, as a field of events.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Throttle(_) => "throttle",
            Self::Propagate | Self::Raise(_) => "raise",
        }
    }
}

/// A backend error, as an `on_error` function receives it.
///
/// Only an `on_error` function can take it as an argument.
///
/// ```
/// use throttle::{ErrorAction, Failure, throttle};
///
/// async fn report(failure: Failure) -> ErrorAction {
///     eprintln!("{} on {}: {}", failure.uid(), failure.backend(), failure.error());
///     ErrorAction::Propagate
/// }
///
/// #[throttle(rate = "100/min", on_error = report)]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
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

    /// Returns the error of the backend.
    pub fn error(&self) -> &BackendError {
        &self.0.error
    }

    /// Returns the name of the throttle.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// Returns the key that would have been charged.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// Returns the cost in units that would have been charged.
    pub fn cost(&self) -> u64 {
        self.0.cost
    }

    /// Returns the limits that would have been charged.
    pub fn rates(&self) -> Rates {
        self.0.rates
    }

    /// Returns the name of the backend that failed.
    pub fn backend(&self) -> &str {
        &self.0.backend
    }

    /// Returns the number of the attempt that failed. The first attempt is number 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }
}
