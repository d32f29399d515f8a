//! Tasks that make calls for waiting requests, as long as there are any.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::backend::redis::batch::call::{BatchCall, BatchEntry};
use crate::backend::redis::batch::queue::QueuedRequest;
use crate::backend::redis::batch::reply;
use crate::backend::redis::batch::reply::EntryReply;
use crate::backend::redis::connection::{Connection, ConnectionHandle};
use crate::backend::redis::errors;
use crate::backend::redis::errors::unexpected_reply;
use crate::backend::redis::scripts::DECIDE;
use crate::clock::Clock;
use crate::error::{BackendError, ErrorKind};

/// Decides a request in one of the next calls on a connection.
pub(super) async fn decide(
    handle: &Arc<ConnectionHandle>,
    connection: &Arc<Connection>,
    hash_slot: u16,
    entry: BatchEntry,
    clock: Option<&Arc<dyn Clock>>,
) -> Result<EntryReply, BackendError> {
    let (reply, receiver) = oneshot::channel();
    if connection.queues.push(hash_slot, QueuedRequest { entry, reply }) {
        let (handle, connection) = (Arc::clone(handle), Arc::clone(connection));
        BatchWorker::new(handle, connection, hash_slot, clock.cloned()).start();
    }
    // A request that was sent and received no reply may have been charged.
    receiver.await.unwrap_or_else(|_| Err(BackendError::new(ErrorKind::Connection, "Redis did not decide")))
}

/// A task that makes calls, as long as requests wait.
struct BatchWorker {
    handle: Arc<ConnectionHandle>,
    connection: Arc<Connection>,
    hash_slot: u16,
    clock: Option<Arc<dyn Clock>>,
    /// Whether the task is already counted as ended.
    has_ended: bool,
}

impl BatchWorker {
    const fn new(
        handle: Arc<ConnectionHandle>,
        connection: Arc<Connection>,
        hash_slot: u16,
        clock: Option<Arc<dyn Clock>>,
    ) -> Self {
        Self { handle, connection, hash_slot, clock, has_ended: false }
    }

    fn start(self) {
        let connection = Arc::clone(&self.connection);
        connection.queues.spawn(self.run());
    }

    async fn run(mut self) {
        loop {
            if self.connection.queues.is_busy(self.hash_slot) {
                yield_now().await;
            }
            let requests = self.connection.queues.pop_batch(self.hash_slot);
            if requests.is_empty() {
                self.has_ended = true;
                return;
            }
            let (entries, replies): (Vec<_>, Vec<_>) =
                requests.into_iter().map(|request| (request.entry, request.reply)).unzip();
            for (result, reply) in self.decide_all(&entries).await.into_iter().zip(replies) {
                // If the caller has given up meanwhile, the result is dropped.
                let _ = reply.send(result);
            }
        }
    }

    async fn decide_all(&self, entries: &[BatchEntry]) -> Vec<Result<EntryReply, BackendError>> {
        match self.call(entries).await {
            Ok(replies) => replies.into_iter().map(Ok).collect(),
            // Requests that do not fit need no memory, and must not fail because of requests that do.
            Err(error) if entries.len() > 1 && errors::is_out_of_memory(&error) => {
                let mut results = Vec::with_capacity(entries.len());
                for entry in entries.chunks(1) {
                    let replies = self.call(entry).await;
                    results.push(replies.and_then(|mut replies| replies.pop().ok_or_else(unexpected_reply)));
                }
                results
            }
            Err(error) => entries.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn call(&self, entries: &[BatchEntry]) -> Result<Vec<EntryReply>, BackendError> {
        let call = BatchCall::new(entries);
        let (sent_at, time) = (Instant::now(), self.clock.as_ref().map(Clock::now));
        let send =
            |verb, script: &str| self.handle.send_on(&self.connection, call.command(verb, script, time));
        reply::read(&DECIDE.run(send).await?, entries, &call, sent_at).ok_or_else(unexpected_reply)
    }
}

impl Drop for BatchWorker {
    fn drop(&mut self) {
        if !self.has_ended {
            self.connection.queues.worker_ended(self.hash_slot);
        }
    }
}
