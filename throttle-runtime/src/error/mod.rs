//! Errors of backends and of configurations.

pub(crate) mod chain;
mod config_error;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chain::chain;
pub use config_error::ConfigError;

/// The error of a backend that could not decide. The [`OnError`](crate::OnError) policy decides what happens to
/// the request.
///
/// A clone is cheap, and keeps the source.
///
/// `Debug` writes the message and all causes, because a `main` that returns an error prints `Debug`.
///
/// ```
/// use std::{error::Error, io};
/// use throttle::{BackendError, ErrorKind};
///
/// let lost = io::Error::other("broken pipe");
/// let error = BackendError::with_source(ErrorKind::Connection, "the connection was lost", lost);
/// assert_eq!(error.kind(), ErrorKind::Connection);
/// assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("broken pipe"));
/// assert_eq!(format!("{error:?}"), "the connection was lost: broken pipe");
/// ```
#[derive(Clone)]
pub struct BackendError {
    inner: Arc<Inner>,
    /// Whether it is certain that nothing was charged. Requests that fail with the same error may differ in
    /// this.
    safe_to_retry: bool,
}

#[derive(Debug)]
pub(crate) struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// Whether this process was paused while it waited, so that the error says nothing about the store.
    after_pause: bool,
}

/// The kind of failure of a [`BackendError`].
///
/// ```
/// use throttle::{ErrorAction, ErrorKind, Failure};
///
/// /// A function for `on_error`: requests pass only while the store is unreachable.
/// async fn on_failure(failure: Failure) -> ErrorAction {
///     match failure.error().kind() {
///         ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::BreakerOpen => ErrorAction::Allow,
///         _ => ErrorAction::Propagate,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store is unreachable, or the connection was lost.
    Connection,
    /// The store did not respond within the timeout. The charge may or may not have been applied.
    Timeout,
    /// The store responded with an error, or with a reply that makes no sense.
    Store,
    /// The backend was closed.
    Closed,
    /// A function in the settings rejected a call that has no request.
    Plugin,
    /// The backend was not called, because its [circuit breaker](crate::CircuitBreaker) is open.
    BreakerOpen,
    /// There is no throttle to call: the active registry cannot create the throttle of a
    /// [`StaticThrottle`](crate::StaticThrottle).
    Misconfigured,
}

/// The error for a function that was called without a request, and that tried to end the request.
pub(crate) fn no_request() -> BackendError {
    BackendError::new(ErrorKind::Plugin, "a function of the throttle rejected an empty request")
}

impl ErrorKind {
    /// All kinds, in the order of their declaration.
    #[cfg(test)]
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Connection,
        Self::Timeout,
        Self::Store,
        Self::Closed,
        Self::Plugin,
        Self::BreakerOpen,
        Self::Misconfigured,
    ];

    /// The number of kinds.
    pub(crate) const COUNT: usize = Self::Misconfigured as usize + 1;
}

impl BackendError {
    /// Creates an error of a kind. The message must contain neither credentials nor keys.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(kind, message.into(), None)
    }

    /// Creates an error of a kind from an error of the store's client, which becomes the source. Neither the
    /// message nor the source may contain credentials or keys.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::of(kind, message.into(), Some(source.into()))
    }

    fn of(kind: ErrorKind, message: String, source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        let inner = Inner { kind, message, source, after_pause: false };
        Self { inner: Arc::new(inner), safe_to_retry: false }
    }

    /// Marks the error as one of a request that certainly charged nothing: the request was not sent, or was
    /// rejected before it ran.
    ///
    /// After such an error, the same request may be sent again. After any other error, a second request may
    /// be charged twice, unless the backend [recognises](crate::backend::Backend::recognises_retries) it.
    /// Earlier clones of the error are not changed.
    ///
    /// ```
    /// use throttle::{BackendError, ErrorKind};
    ///
    /// let error = BackendError::new(ErrorKind::Connection, "there is no connection");
    /// assert!(!error.is_safe_to_retry());
    /// assert!(error.safe_to_retry().is_safe_to_retry());
    /// ```
    #[must_use]
    pub const fn safe_to_retry(mut self) -> Self {
        self.safe_to_retry = true;
        self
    }

    /// Marks the error as one of a request that may have been charged.
    pub(crate) const fn in_doubt(mut self) -> Self {
        self.safe_to_retry = false;
        self
    }

    /// Returns this error of a second backend with the error of the first one as its source.
    pub(crate) fn after(self, first: Self) -> Self {
        Self::with_source(self.kind(), chain(&self), first)
    }

    /// Returns whether it is certain that the failed request charged nothing.
    pub const fn is_safe_to_retry(&self) -> bool {
        self.safe_to_retry
    }

    pub(crate) fn timeout(deadline: Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no reply within {deadline:?}"))
    }

    /// Creates the timeout error of a process that was paused during the wait.
    pub(crate) fn timeout_after_pause(deadline: Duration) -> Self {
        let message = format!("no reply within {deadline:?}, in which this process was paused");
        let inner = Inner { kind: ErrorKind::Timeout, message, source: None, after_pause: true };
        Self { inner: Arc::new(inner), safe_to_retry: false }
    }

    /// Returns whether the error is evidence about the store, so that a circuit breaker counts it.
    pub(crate) fn is_evidence(&self) -> bool {
        !self.inner.after_pause
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Returns whether the backend timed out.
    pub fn is_timeout(&self) -> bool {
        self.inner.kind == ErrorKind::Timeout
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
