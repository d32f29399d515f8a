//! Converts errors of the client crate.

use redis::{RedisError, RetryMethod, ServerErrorKind};

use crate::error::{BackendError, ErrorKind};

/// Why a request failed.
pub(super) enum RequestError {
    /// The server does not have the script: nothing ran.
    NoScript,
    Failed(BackendError),
}

impl From<BackendError> for RequestError {
    fn from(error: BackendError) -> Self {
        Self::Failed(error)
    }
}

impl From<RequestError> for BackendError {
    /// Converts the error of a request that runs no script.
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoScript => unexpected_reply(),
            RequestError::Failed(error) => error,
        }
    }
}

pub(super) fn request_error(error: &RedisError) -> RequestError {
    if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript) {
        RequestError::NoScript
    } else {
        let is_certain = has_certainly_changed_nothing(error);
        let error = backend_error("Redis did not decide", error);
        RequestError::Failed(if is_certain { error.safe_to_retry() } else { error })
    }
}

/// Error codes that a server returns before it runs a script, or instead of running it.
const CODES_BEFORE_SCRIPT: [&str; 12] = [
    "LOADING",
    "BUSY",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "NOAUTH",
    "NOPERM",
    "WRONGPASS",
    "CROSSSLOT",
    "DENIED",
    "NOPROTO",
];

/// Errors of the same kind without a code of their own.
const TEXTS_BEFORE_SCRIPT: [&str; 3] =
    ["unknown command", "wrong number of arguments", "max number of clients"];

/// The message of a server that cannot compile a script.
const COMPILE_ERROR: &str = "Error compiling script";

/// Errors that a server returns at the first write of a script. They apply to all writes of the script, because
/// only the script changes the server while it runs. A script that has written something is not stopped any
/// more because of missing memory.
const CODES_AT_FIRST_WRITE: [&str; 5] = ["READONLY", "OOM", "NOREPLICAS", "MASTERDOWN", "MISCONF"];

/// Returns whether a script certainly changed nothing.
fn has_certainly_changed_nothing(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default();
    // A script that was stopped may have written before, for example if the user may not use all of its
    // commands.
    let is_from_script = detail.contains("script:") || detail.contains("user_script");
    let has_code = |code: &&str| error.code() == Some(code);
    // Before Redis 7, the errors of commands in scripts are wrapped in a text.
    let is_wrapped = |code: &&str| detail.contains(&format!("-{code} "));
    CODES_AT_FIRST_WRITE.iter().any(|code| has_code(code) || is_wrapped(code))
        || !is_from_script && CODES_BEFORE_SCRIPT.iter().any(has_code)
        || detail.starts_with(COMPILE_ERROR)
        || !is_from_script && TEXTS_BEFORE_SCRIPT.iter().any(|text| detail.starts_with(text))
}

pub(super) fn backend_error(message: &str, error: &RedisError) -> BackendError {
    let kind = if error.is_timeout() {
        ErrorKind::Timeout
    } else if is_connection_lost(error) {
        ErrorKind::Connection
    } else {
        ErrorKind::Store
    };
    BackendError::with_source(kind, message, Cause(server_message(error)))
}

/// Creates the error of a server that rejected a connection with this message.
pub(super) fn rejected_connection(message: &str, reason: String) -> BackendError {
    let is_full = reason.contains("max number of clients");
    let kind = if is_full { ErrorKind::Connection } else { ErrorKind::Store };
    BackendError::with_source(kind, message, Cause(reason))
}

/// The message of an error of the client crate. Errors of that crate repeat their message as their own source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

fn server_message(error: &RedisError) -> String {
    let text = error.to_string();
    let begins_with = |known: &str| text.to_ascii_lowercase().starts_with(known);
    // The messages of the client crate are less clear.
    if is_connection_lost(error) && ["broken pipe", "unexpected end of file"].into_iter().any(begins_with) {
        "the server closed the connection".to_owned()
    } else {
        text
    }
}

/// Whether the connection failed, and not the request.
pub(super) fn is_connection_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped()
}

pub(super) fn unexpected_reply() -> BackendError {
    BackendError::new(ErrorKind::Store, "the reply of Redis is invalid")
}

/// Whether the server has no memory for writes. The server checks this before it runs a script, so nothing was
/// written.
pub(super) fn is_out_of_memory(error: &BackendError) -> bool {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    cause.is_some_and(|cause| cause.contains("OOM"))
}

/// Whether the connection has to be replaced: it is lost, or its server is not the master any more.
pub(super) fn requires_reconnect(error: &RedisError) -> bool {
    // Before Redis 7, the errors of commands in scripts are wrapped in a text.
    let is_demoted = error.kind() == redis::ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error.detail().is_some_and(|detail| detail.contains("-READONLY"));
    let is_unusable = matches!(error.retry_method(), RetryMethod::Reconnect);
    is_demoted || is_unusable || error.is_io_error() || error.code() == Some("NOAUTH")
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    fn is_certain(reply: &str) -> bool {
        let error =
            parse_redis_value(format!("-{reply}\r\n").as_bytes()).and_then(redis::Value::extract_error);
        match request_error(&error.expect_err("an error")) {
            RequestError::Failed(error) => error.is_safe_to_retry(),
            RequestError::NoScript => panic!("there is a script"),
        }
    }

    /// Messages of servers from version 6.2 to 8.
    #[test]
    fn an_error_before_a_script_or_at_its_first_write_is_certain() {
        for reply in [
            "LOADING Redis is loading the dataset in memory",
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "CLUSTERDOWN The cluster is down",
            "CLUSTERDOWN Hash slot not served",
            "CROSSSLOT Keys in request don't hash to the same slot",
            "DENIED Redis is running in protected mode because protected mode is enabled.",
            "ERR unknown command 'EVALSHA', with args beginning with: 'c0a78e18' ",
            "ERR Error compiling script (new function): user_script:1: '=' expected near '<eof>'",
            "ERR max number of clients reached",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands \
             that may modify the data set are disabled, because this instance is configured to report errors during \
             writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for \
             details about the RDB error. script: c0a78e18, on @user_script:503.",
            "ERR Error running script (call to f_c0a78e18): @user_script:22: @user_script: 22: -MISCONF Redis is \
             configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "MOVED 866 127.0.0.1:7001",
            "NOAUTH Authentication required.",
            "NOPERM this user has no permissions to run the 'evalsha' command",
            "NOREPLICAS Not enough good replicas to write. script: c0a78e18, on @user_script:503.",
            "READONLY You can't write against a read only replica. script: c0a78e18, on @user_script:503.",
            "ERR Error running script (call to f_c0a78e18): @user_script:22: @user_script: 22: -READONLY You can't \
             write against a read only replica.",
            "OOM command not allowed when used memory > 'maxmemory'. script: c0a78e18, on @user_script:503.",
            "ERR Error running script (call to f_c0a78e18): @user_script:22: @user_script: 22: -OOM command not \
             allowed when used memory > 'maxmemory'.",
        ] {
            assert!(is_certain(reply), "{reply}");
        }
    }

    /// A script that was stopped may or may not have written before.
    #[test]
    fn any_other_error_of_a_script_is_in_doubt() {
        for reply in [
            "NOPERM User throttle has no permissions to run the 'del' command script: c0a78e18, on @user_script:503.",
            "ERR The user executing the script can't run this command or subcommand script: c0a78e18, on @user_script:5",
            "ERR Error running script (call to f_c0a78e18): @user_script:22: @user_script: 22: -NOPERM this user has \
             no permissions to run the 'del' command",
            "ERR user_script:12: attempt to compare nil with number script: c0a78e18, on @user_script:12.",
            "ERR",
        ] {
            assert!(!is_certain(reply), "{reply}");
        }
    }
}
