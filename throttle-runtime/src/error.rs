//! What can go wrong: with a store, and with a configuration.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error_chain::chain;

/// A backend could not decide. What becomes of the request is the [`OnError`](crate::OnError) policy's
/// business.
///
/// Cheap to clone; the source is kept.
///
/// `Debug` writes the message and all causes, since that is what a `main` that returns an error prints.
#[derive(Clone)]
pub struct BackendError {
    inner: Arc<Inner>,
    /// Whether it is certain that nothing was charged. Requests that fail by one error may differ in that.
    nothing_charged: bool,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// Whether this process was paused while it waited, so that the error says nothing about the store.
    after_pause: bool,
}

/// What kind of failure a [`BackendError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store cannot be reached, or the connection was lost.
    Connection,
    /// No answer within the deadline. The charge may or may not have been applied.
    Timeout,
    /// The store answered with an error, or with something that makes no sense.
    Store,
    /// The backend was closed.
    Closed,
    /// A function that is a setting refused to answer outside of a request.
    Plugin,
    /// The backend was not asked: its [circuit breaker](crate::CircuitBreaker) is open.
    BreakerOpen,
    /// There is no throttle to ask: the registry in charge cannot make that of a [`Static`](crate::Static).
    Misconfigured,
}

impl ErrorKind {
    /// All kinds, in their order.
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

    /// How many kinds there are.
    pub(crate) const COUNT: usize = Self::Misconfigured as usize + 1;
}

impl BackendError {
    /// An error of a kind, with a message that contains neither credentials nor keys.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(kind, message.into(), None)
    }

    /// The same for an error of the store's client, which is kept as the source.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::of(kind, message.into(), Some(source.into()))
    }

    fn of(kind: ErrorKind, message: String, source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        let inner = Inner { kind, message, source, after_pause: false };
        Self { inner: Arc::new(inner), nothing_charged: false }
    }

    /// The same error, of a request that certainly charged nobody: it was not sent, or was refused before it ran.
    /// Only after such an error may the same request be sent again. Clones that were made before stay what they are.
    ///
    /// ```
    /// use throttle::{BackendError, ErrorKind};
    ///
    /// let error = BackendError::new(ErrorKind::Connection, "there is no connection");
    /// assert!(!error.is_nothing_charged());
    /// assert!(error.nothing_charged().is_nothing_charged());
    /// ```
    #[must_use]
    pub const fn nothing_charged(mut self) -> Self {
        self.nothing_charged = true;
        self
    }

    /// The same error, of a request that something may have been charged for.
    pub(crate) const fn in_doubt(mut self) -> Self {
        self.nothing_charged = false;
        self
    }

    /// This error of a second backend, after that of the first one.
    pub(crate) fn after(self, first: Self) -> Self {
        Self::with_source(self.kind(), chain(&self), first)
    }

    /// Whether it is certain that the failed request charged nobody.
    pub const fn is_nothing_charged(&self) -> bool {
        self.nothing_charged
    }

    pub(crate) fn timeout(deadline: Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no answer within {deadline:?}"))
    }

    /// A timeout of a process that was paused meanwhile.
    pub(crate) fn timeout_after_pause(deadline: Duration) -> Self {
        let message = format!("no answer within {deadline:?}, in which this process was paused");
        let inner = Inner { kind: ErrorKind::Timeout, message, source: None, after_pause: true };
        Self { inner: Arc::new(inner), nothing_charged: false }
    }

    /// Whether the error says something about the store, so that a circuit breaker counts it.
    pub(crate) fn is_evidence(&self) -> bool {
        !self.inner.after_pause
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether the deadline passed.
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

/// Why a registry or a throttle cannot be made: every problem that was found, each with where it stands.
///
/// `Debug` writes the same report as `Display`, since that is what a `main` that returns an error prints.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
    /// Whether the configuration may be right: backends cannot be initialised.
    is_outage: bool,
}

impl ConfigError {
    pub(crate) const fn new(problems: Vec<String>) -> Self {
        Self { problems, is_outage: false }
    }

    /// Backends that cannot be initialised, as they are unreachable for example.
    pub(crate) const fn outage(problems: Vec<String>) -> Self {
        Self { problems, is_outage: true }
    }

    pub(crate) fn one(problem: impl Into<String>) -> Self {
        Self::new(vec![problem.into()])
    }

    /// The problems, one sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] if self.is_outage => write!(f, "throttle cannot start: {problem}"),
            [problem] => write!(f, "throttle is misconfigured: {problem}"),
            problems => {
                if self.is_outage {
                    f.write_str("throttle cannot start:")?;
                } else {
                    write!(f, "throttle is misconfigured in {} places:", problems.len())?;
                }
                problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
