//! One connection to one server, kept up in the background. Requests of all tasks share the connection. They do
//! not wait for each other's replies, which arrive in the order of the requests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::driver::keep_up;
use super::protocol::{Command, Reply};
use super::request::{IN_FLIGHT, Request, Up, lost};
use crate::error::{BackendError, ErrorKind};

/// A handle that sends requests through a connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Host and port of the server.
    address: String,
    requests: mpsc::Sender<Request>,
    up: watch::Receiver<Up>,
    task: AbortHandle,
    is_closed: AtomicBool,
}

impl Connection {
    /// Starts to connect, in a task that ends with the last use of this handle.
    pub(super) fn open(address: String) -> Self {
        let (requests, queue) = mpsc::channel(IN_FLIGHT);
        let (status, up) = watch::channel(Up::Unknown);
        let task = tokio::spawn(keep_up(address.clone(), queue, status)).abort_handle();
        Self { address, requests, up, task, is_closed: AtomicBool::new(false) }
    }

    /// Ends the connection, even if requests still wait for replies.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.task.abort();
    }

    /// Whether the task has ended with its runtime, so that another connection has to be opened.
    pub(super) fn is_gone(&self) -> bool {
        self.task.is_finished() && !self.is_closed.load(Ordering::Relaxed)
    }

    /// Waits until the first attempt to connect has ended.
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
            return Err(self.unreachable(error).safe_to_retry());
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
            error.safe_to_retry()
        };
        self.requests.try_send(Request { bytes, reply: Some(reply) }).map_err(unsent)?;
        match answer.await {
            // By the protocol, the server has not executed the command.
            Ok(Ok(Reply::Refused(line))) => Err(BackendError::new(ErrorKind::Store, line).safe_to_retry()),
            Ok(reply) => reply,
            Err(_) => Err(lost()),
        }
    }

    fn unreachable(&self, error: &Arc<io::Error>) -> BackendError {
        // The probe found that this server cannot decide.
        if error.kind() == io::ErrorKind::Unsupported {
            return BackendError::new(ErrorKind::Store, error.to_string());
        }
        let text = format!("Memcached at {} cannot be reached", self.address);
        BackendError::with_source(ErrorKind::Connection, text, Arc::clone(error))
    }
}
