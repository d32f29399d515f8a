//! The error of a function that did not run because of a throttle.

use std::fmt;

use super::throttled::Throttled;
use crate::error::BackendError;
use crate::error::chain::chain;

/// The error of a function with `#[throttle_fn]` that did not run. The function's error type is created from
/// it.
///
/// A denial and a failure are separate variants on purpose: a denial is a decision, a failure is not.
///
/// ```
/// use throttle::ThrottleError;
///
/// enum JobError {
///     Later(std::time::Duration),
///     Broken(Box<dyn std::error::Error>),
/// }
///
/// impl From<ThrottleError> for JobError {
///     fn from(refused: ThrottleError) -> Self {
///         match refused {
///             ThrottleError::Throttled(throttled) => Self::Later(throttled.retry_after().unwrap_or_default()),
///             failed => Self::Broken(failed.into()),
///         }
///     }
/// }
/// ```
///
/// `Debug` writes the message and all causes, because a `main` that returns an error prints `Debug`.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ThrottleError {
    /// A limit was reached, or the `on_error` policy throttled the call after the backend failed.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The backend failed, and the `on_error` policy returns its error.
    #[error("the rate limiter's backend failed")]
    Failed(#[from] BackendError),
    /// The throttle is misconfigured.
    #[error(transparent)]
    Misconfigured(#[from] crate::error::ConfigError),
}

impl fmt::Debug for ThrottleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}
