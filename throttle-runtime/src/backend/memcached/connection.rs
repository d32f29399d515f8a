//! One connection to one server, kept up in the background. Requests of all tasks go through it one after the other
//! without waiting for each other's replies, which come in the same order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::protocol::{Command, Reply};
use super::upkeep::keep_up;
use crate::{BackendError, ErrorKind};

/// The end of a connection that requests are put into.
#[derive(Debug)]
pub(super) struct Connection {
    /// Host and port of the server.
    address: String,
    requests: mpsc::Sender<Request>,
    up: watch::Receiver<Up>,
    task: AbortHandle,
    is_closed: AtomicBool,
}

/// What a request is told.
pub(super) type Answer = Result<Reply, BackendError>;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    /// Nobody listens any more if the decision was given up; the reply is then read and dropped. Empty once it is sent.
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

impl Drop for Request {
    /// Whatever has become of the connection, who was not sent is told that.
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Err(lost().nothing_charged()));
        }
    }
}

/// Whether the server is there; before the first attempt nobody knows.
#[derive(Debug, Clone)]
pub(super) enum Up {
    Unknown,
    Yes,
    No(Arc<io::Error>),
}

/// How many requests may wait for their replies. A server that hangs costs those their deadlines, and all others
/// are told at once.
pub(super) const IN_FLIGHT: usize = 1_024;

impl Connection {
    /// Begins to connect, in a task that ends with the last use of this.
    pub(super) fn open(address: String) -> Self {
        let (requests, queue) = mpsc::channel(IN_FLIGHT);
        let (status, up) = watch::channel(Up::Unknown);
        let task = tokio::spawn(keep_up(address.clone(), queue, status)).abort_handle();
        Self { address, requests, up, task, is_closed: AtomicBool::new(false) }
    }

    /// Ends it, whoever still waits for a reply.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.task.abort();
    }

    /// Whether it has ended with its runtime, so that another one has to be opened.
    pub(super) fn is_gone(&self) -> bool {
        self.task.is_finished() && !self.is_closed.load(Ordering::Relaxed)
    }

    /// Waits until the first attempt to connect has come to an end.
    pub(super) async fn ready(&self) -> Result<(), BackendError> {
        let mut up = self.up.clone();
        let settled = up.wait_for(|up| !matches!(up, Up::Unknown)).await;
        match settled.as_deref() {
            Ok(Up::No(error)) => Err(self.unreachable(error)),
            _ => Ok(()),
        }
    }

    /// Sends a command, and waits for its reply.
    pub(super) async fn ask(&self, command: Command<'_>) -> Result<Reply, BackendError> {
        if let Up::No(error) = &*self.up.borrow() {
            return Err(self.unreachable(error).nothing_charged());
        }
        let mut bytes = Vec::with_capacity(64);
        command.write(&mut bytes);
        let (reply, answer) = oneshot::channel();
        let unsent = |error| {
            let error = match error {
                TrySendError::Full(_) => {
                    let text = "too many requests wait for Memcached's replies";
                    BackendError::new(ErrorKind::Connection, text)
                }
                TrySendError::Closed(_) if self.is_closed.load(Ordering::Relaxed) => {
                    BackendError::new(ErrorKind::Closed, "the backend is closed")
                }
                TrySendError::Closed(_) => lost(),
            };
            error.nothing_charged()
        };
        self.requests.try_send(Request { bytes, reply: Some(reply) }).map_err(unsent)?;
        match answer.await {
            // By its protocol it has then not carried out the command.
            Ok(Ok(Reply::Refused(line))) => Err(BackendError::new(ErrorKind::Store, line).nothing_charged()),
            Ok(reply) => reply,
            Err(_) => Err(lost()),
        }
    }

    fn unreachable(&self, error: &Arc<io::Error>) -> BackendError {
        // A server that the probe has found out about.
        if error.kind() == io::ErrorKind::Unsupported {
            return BackendError::new(ErrorKind::Store, error.to_string());
        }
        let text = format!("Memcached at {} cannot be reached", self.address);
        BackendError::with_source(ErrorKind::Connection, text, Arc::clone(error))
    }
}

fn lost() -> BackendError {
    BackendError::new(ErrorKind::Connection, "the connection to Memcached was lost")
}
