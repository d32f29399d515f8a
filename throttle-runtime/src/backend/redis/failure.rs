//! What the client's errors mean here.

use redis::{RedisError, RetryMethod, ServerErrorKind};

use crate::{BackendError, ErrorKind};

/// Why a request got no answer.
pub(super) enum Refusal {
    /// The server does not have the script: nothing ran.
    NoScript,
    Failed(BackendError),
}

impl From<BackendError> for Refusal {
    fn from(error: BackendError) -> Self {
        Self::Failed(error)
    }
}

pub(super) fn refusal(error: RedisError) -> Refusal {
    if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript) {
        Refusal::NoScript
    } else {
        Refusal::Failed(backend_error("Redis did not decide", error))
    }
}

pub(super) fn backend_error(message: &str, error: RedisError) -> BackendError {
    let kind = if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_io_error() || error.is_connection_dropped() {
        ErrorKind::Connection
    } else {
        ErrorKind::Store
    };
    BackendError::with_source(kind, message, error)
}

pub(super) fn nonsense() -> BackendError {
    BackendError::new(ErrorKind::Store, "Redis answered with something that makes no sense")
}

/// Whether the connection is of no more use: lost, or to a server that is not the master any more.
pub(super) fn is_of_connection(error: &RedisError) -> bool {
    // Before Redis 7 the errors of commands in scripts are wrapped in texts.
    let demoted = error.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.detail().is_some_and(|detail| detail.contains("-READONLY"));
    let useless = matches!(error.retry_method(), RetryMethod::Reconnect);
    demoted || useless || error.is_io_error() || error.code() == Some("NOAUTH")
}
