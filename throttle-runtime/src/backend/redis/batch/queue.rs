//! Batches: several requests that are decided by one call.
//!
//! While calls are in progress, further requests wait in a queue. As soon as a call ends, the next call takes
//! them together. A single request does not wait, and the cost of a request decreases with the number of
//! concurrent requests. Separate tasks make the calls and end when no request waits. A request that is given up
//! before it is sent is left out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::call::BatchEntry;
use super::reply::EntryReply;
use crate::error::{BackendError, ErrorKind};
use crate::util::sync;

/// The maximum number of concurrent calls: while the server works on one, the reply to another is read.
const MAX_CALLS: usize = 3;

/// The maximum number of limits in a call, during which the server serves no other client.
const MAX_LIMITS: usize = 256;

const CONNECTION_LOST: &str = "the connection to Redis was lost";

/// The request queues of one connection: one for each hash slot of a cluster, or one for all.
#[derive(Default)]
pub(in crate::backend::redis) struct BatchQueues {
    inner: Mutex<Inner>,
    /// Has its own lock: if a runtime has ended, starting a task drops it immediately, and its `drop` locks
    /// `inner`.
    workers: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Inner {
    queues: HashMap<u16, BatchQueue>,
    closed: bool,
}

#[derive(Default)]
struct BatchQueue {
    waiting: Vec<QueuedRequest>,
    /// The number of tasks that make calls.
    workers: usize,
    /// Whether the last call was for several requests. If so, more are expected to arrive soon.
    is_busy: bool,
}

/// A request that waits for its result.
pub(in crate::backend::redis) struct QueuedRequest {
    pub(in crate::backend::redis) entry: BatchEntry,
    pub(in crate::backend::redis) reply: oneshot::Sender<Result<EntryReply, BackendError>>,
}

impl BatchQueues {
    /// Adds a request to its queue. Returns whether another task has to be started to make calls.
    pub(in crate::backend::redis) fn push(&self, hash_slot: u16, request: QueuedRequest) -> bool {
        let mut inner = lock(&self.inner);
        if inner.closed {
            request.reject(CONNECTION_LOST);
            return false;
        }
        let queue = inner.queues.entry(hash_slot).or_default();
        queue.waiting.push(request);
        let missing = queue.workers < MAX_CALLS;
        queue.workers += usize::from(missing);
        missing
    }

    /// Takes the requests that have waited longest, as many as fit into a call. If no request waits, the
    /// calling task is counted as ended.
    pub(in crate::backend::redis) fn pop_batch(&self, hash_slot: u16) -> Vec<QueuedRequest> {
        let mut inner = lock(&self.inner);
        let queue = inner.queues.entry(hash_slot).or_default();
        queue.waiting.retain(|request| !request.reply.is_closed());
        let mut room = MAX_LIMITS;
        let fits = |request: &&QueuedRequest| {
            let first = room == MAX_LIMITS;
            room = room.saturating_sub(request.entry.limit_count());
            first || room > 0
        };
        let requests = queue.waiting.iter().take_while(fits).count();
        let requests: Vec<_> = queue.waiting.drain(..requests).collect();
        queue.is_busy = requests.len() > 1;
        queue.workers -= usize::from(requests.is_empty());
        requests
    }

    pub(in crate::backend::redis) fn is_busy(&self, hash_slot: u16) -> bool {
        lock(&self.inner).queues.get(&hash_slot).is_some_and(|queue| queue.is_busy)
    }

    /// Counts a task that makes calls as ended before its time: with its runtime, or with the connection. The
    /// next request starts another task.
    pub(in crate::backend::redis) fn worker_ended(&self, hash_slot: u16) {
        if let Some(queue) = lock(&self.inner).queues.get_mut(&hash_slot) {
            queue.workers -= 1;
            if queue.workers == 0 {
                // Requests that were queued by tasks of another runtime: no task is left to send them.
                queue
                    .waiting
                    .drain(..)
                    .for_each(|request| request.reject("the tokio runtime that calls Redis ended"));
            }
        }
    }

    pub(in crate::backend::redis) fn spawn(&self, worker: impl Future<Output = ()> + Send + 'static) {
        let mut workers = lock(&self.workers);
        while workers.try_join_next().is_some() {}
        workers.spawn(worker);
    }

    /// Aborts all calls, and rejects the waiting requests.
    pub(in crate::backend::redis) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        inner
            .queues
            .values_mut()
            .flat_map(|queue| queue.waiting.drain(..))
            .for_each(|request| request.reject(CONNECTION_LOST));
        drop(inner);
        lock(&self.workers).abort_all();
    }
}

impl QueuedRequest {
    /// Rejects the request, which cannot be part of any call.
    fn reject(self, why: &str) {
        let error = BackendError::new(ErrorKind::Connection, why).safe_to_retry();
        // If the caller has given up meanwhile, the error is dropped.
        let _ = self.reply.send(Err(error));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    sync::lock(mutex)
}
