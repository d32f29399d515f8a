//! What can go wrong: with a store, and with a configuration.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A backend could not decide. What becomes of the request is the [`OnError`](crate::OnError) policy's
/// business.
///
/// Cheap to clone; the source is kept.
#[derive(Debug, Clone)]
pub struct BackendError(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
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
}

impl BackendError {
    /// An error of a kind, with a message that contains neither credentials nor keys.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same for an error of the store's client, which is kept as the source.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    pub(crate) fn timeout(deadline: Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("no answer within {deadline:?}"))
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// A configuration that cannot work: every problem that was found, each with where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    pub(crate) const fn new(problems: Vec<String>) -> Self {
        Self { problems }
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
            [problem] => write!(f, "throttle is misconfigured: {problem}"),
            problems => {
                write!(f, "throttle is misconfigured in {} places:", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl Error for ConfigError {}
