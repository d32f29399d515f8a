//! Batches: several requests that are decided by one call.
//!
//! While calls are in progress, further requests wait in a queue. As soon as a call ends, the next call takes
//! them together. A single request does not wait, and the cost of a request decreases with the number of
//! concurrent requests. Separate tasks make the calls and end when no request waits. A request that is given up
//! before it is sent is left out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::call::Job;
use super::reply::Answer;
use crate::{BackendError, ErrorKind};

/// The maximum number of concurrent calls: while the server works on one, the reply to another is read.
const CALLS: usize = 3;

/// The maximum number of limits in a call, during which the server serves no other client.
const LIMITS: usize = 256;

const LOST: &str = "the connection to Redis was lost";

/// The request queues of one connection: one for each hash slot of a cluster, or one for all.
#[derive(Default)]
pub(in crate::backend::redis) struct Lanes {
    inner: Mutex<Inner>,
    /// Has its own lock: if a runtime has ended, starting a task drops it immediately, and its `drop` locks
    /// `inner`.
    callers: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Inner {
    lanes: HashMap<u16, Lane>,
    closed: bool,
}

#[derive(Default)]
struct Lane {
    waiting: Vec<Seat>,
    /// The number of tasks that make calls.
    callers: usize,
    /// Whether the last call was for several requests. If so, more are expected to arrive soon.
    is_busy: bool,
}

/// A request that waits for its result.
pub(in crate::backend::redis) struct Seat {
    pub(in crate::backend::redis) job: Job,
    pub(in crate::backend::redis) reply: oneshot::Sender<Result<Answer, BackendError>>,
}

impl Lanes {
    /// Adds a request to its queue. Returns whether another task has to be started to make calls.
    pub(in crate::backend::redis) fn wait(&self, lane: u16, seat: Seat) -> bool {
        let mut inner = lock(&self.inner);
        if inner.closed {
            seat.turn_away(LOST);
            return false;
        }
        let lane = inner.lanes.entry(lane).or_default();
        lane.waiting.push(seat);
        let missing = lane.callers < CALLS;
        lane.callers += usize::from(missing);
        missing
    }

    /// Takes the requests that have waited longest, as many as fit into a call. If no request waits, the
    /// calling task is counted as ended.
    pub(in crate::backend::redis) fn take(&self, lane: u16) -> Vec<Seat> {
        let mut inner = lock(&self.inner);
        let lane = inner.lanes.entry(lane).or_default();
        lane.waiting.retain(|seat| !seat.reply.is_closed());
        let mut room = LIMITS;
        let fits = |seat: &&Seat| {
            let first = room == LIMITS;
            room = room.saturating_sub(seat.job.len());
            first || room > 0
        };
        let seats = lane.waiting.iter().take_while(fits).count();
        let seats: Vec<_> = lane.waiting.drain(..seats).collect();
        lane.is_busy = seats.len() > 1;
        lane.callers -= usize::from(seats.is_empty());
        seats
    }

    pub(in crate::backend::redis) fn is_busy(&self, lane: u16) -> bool {
        lock(&self.inner).lanes.get(&lane).is_some_and(|lane| lane.is_busy)
    }

    /// Counts a task that makes calls as ended before its time: with its runtime, or with the connection. The
    /// next request starts another task.
    pub(in crate::backend::redis) fn leave(&self, lane: u16) {
        if let Some(lane) = lock(&self.inner).lanes.get_mut(&lane) {
            lane.callers -= 1;
            if lane.callers == 0 {
                // Requests that were queued by tasks of another runtime: no task is left to send them.
                lane.waiting
                    .drain(..)
                    .for_each(|seat| seat.turn_away("the runtime that was to ask Redis ended"));
            }
        }
    }

    pub(in crate::backend::redis) fn spawn(&self, caller: impl Future<Output = ()> + Send + 'static) {
        let mut callers = lock(&self.callers);
        while callers.try_join_next().is_some() {}
        callers.spawn(caller);
    }

    /// Aborts all calls, and rejects the waiting requests.
    pub(in crate::backend::redis) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        inner
            .lanes
            .values_mut()
            .flat_map(|lane| lane.waiting.drain(..))
            .for_each(|seat| seat.turn_away(LOST));
        drop(inner);
        lock(&self.callers).abort_all();
    }
}

impl Seat {
    /// Rejects the request, which cannot be part of any call.
    fn turn_away(self, why: &str) {
        let error = BackendError::new(ErrorKind::Connection, why).nothing_charged();
        // If the caller has given up meanwhile, the error is dropped.
        let _ = self.reply.send(Err(error));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
