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

impl From<Refusal> for BackendError {
    /// Of a request that is about no script.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoScript => nonsense(),
            Refusal::Failed(error) => error,
        }
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

/// Whether the server has no room to write: it looks before it runs a script, which then has written nothing.
pub(super) fn is_of_memory(error: &BackendError) -> bool {
    let said = std::error::Error::source(error).map(ToString::to_string);
    said.is_some_and(|said| said.contains("OOM"))
}

/// Whether the connection is of no more use: lost, or to a server that is not the master any more.
pub(super) fn is_of_connection(error: &RedisError) -> bool {
    // Before Redis 7 the errors of commands in scripts are wrapped in texts.
    let demoted = error.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.detail().is_some_and(|detail| detail.contains("-READONLY"));
    let useless = matches!(error.retry_method(), RetryMethod::Reconnect);
    demoted || useless || error.is_io_error() || error.code() == Some("NOAUTH")
}
