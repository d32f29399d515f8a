//! The messages between a connection and its driver: requests, and whether the server is reachable.

use std::io;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::protocol::Reply;
use crate::error::{BackendError, ErrorKind};

/// The result of a request.
pub(super) type Answer = Result<Reply, BackendError>;

/// A request that waits for the driver to send it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    /// The receiver is gone if the caller gave up; the reply is then read and dropped. `None` after the request
    /// was sent.
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

impl Drop for Request {
    /// Reports to the caller of a request that was never sent that nothing was charged.
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Err(lost().safe_to_retry()));
        }
    }
}

/// Whether the server is reachable; unknown before the first attempt.
#[derive(Debug, Clone)]
pub(super) enum Up {
    Unknown,
    Yes,
    No(Arc<io::Error>),
}

/// The maximum number of requests that wait for their replies. If a server hangs, these requests time out, and
/// all others fail immediately.
pub(super) const IN_FLIGHT: usize = 1_024;

pub(super) fn lost() -> BackendError {
    BackendError::new(ErrorKind::Connection, "the connection to Memcached was lost")
}
