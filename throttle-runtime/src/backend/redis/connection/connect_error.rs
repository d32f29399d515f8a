//! Explains a failed connection: the address, the kind of server, and the reason for a rejection.

use redis::{ConnectionAddr, RedisError};

use super::recording_stream::Greeting;
use crate::backend::redis::errors;
use crate::error::{BackendError, ErrorKind};

/// The error for a server that cannot be connected to.
pub(super) fn unreachable(address: &ConnectionAddr, error: &RedisError) -> BackendError {
    errors::backend_error(&unreachable_text(address), error)
}

fn unreachable_text(address: &ConnectionAddr) -> String {
    format!("cannot connect to Redis at {address}")
}

/// The error for a connection that failed during the login, given the bytes that the server had sent.
pub(super) fn explain(address: &ConnectionAddr, greeting: &Greeting, error: &RedisError) -> BackendError {
    let bytes = greeting.bytes();
    if let Some(what) = kind_of(&bytes) {
        return BackendError::new(ErrorKind::Store, format!("{address} is {what}, not Redis"));
    }
    match first_error(&bytes) {
        // The reason for the rejection is more useful than the error of the connection.
        Some(message) => errors::rejected_connection(&unreachable_text(address), message),
        None => unreachable(address, error),
    }
}

/// Returns the kind of server that begins its first reply like this, if it is not Redis.
fn kind_of(greeting: &[u8]) -> Option<&'static str> {
    let first = *greeting.first()?;
    let begins = |with: &str| greeting.starts_with(with.as_bytes());
    if begins("HTTP/") || begins("<") {
        Some("an HTTP server")
    } else if begins("ERROR") || begins("CLIENT_ERROR") || begins("SERVER_ERROR") {
        Some("a Memcached server")
    } else if begins("SSH-") {
        Some("an SSH server")
    } else if first == 0x15 {
        Some("a server that expects TLS")
    } else if b"+-:$*_#,(!=%~>|".contains(&first) {
        None
    } else {
        Some("another kind of server")
    }
}

/// Returns the first error that the server sent.
fn first_error(greeting: &[u8]) -> Option<String> {
    let line = greeting.strip_prefix(b"-")?.split(|byte| *byte == b'\r').next()?;
    Some(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{first_error, kind_of};

    #[test]
    fn f65_a_server_that_is_no_redis_is_named() {
        for (greeting, what) in [
            ("HTTP/1.1 400 Bad Request\r\n", Some("an HTTP server")),
            ("ERROR\r\nERROR\r\n", Some("a Memcached server")),
            ("SSH-2.0-OpenSSH_9.2\r\n", Some("an SSH server")),
            ("\u{15}\u{3}\u{3}", Some("a server that expects TLS")),
            ("220 mail ESMTP\r\n", Some("another kind of server")),
            ("+PONG\r\n", None),
            ("-ERR max number of clients reached\r\n", None),
            ("", None),
        ] {
            assert_eq!(kind_of(greeting.as_bytes()), what, "{greeting:?}");
        }
        let message = first_error(b"-ERR max number of clients reached\r\n");
        assert_eq!(message.as_deref(), Some("ERR max number of clients reached"));
        assert_eq!(first_error(b"+OK\r\n"), None);
    }
}
