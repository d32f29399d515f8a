//! Requests that are decided by one call.
//!
//! While calls are under way, requests that come meanwhile wait together, and go out together as soon as one of the
//! calls has ended. So a request that is alone waits for nobody, and the more come at once, the less each costs. Calls
//! are made by tasks of their own, which end when nobody waits; a request that gives up before it is sent is left out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::answer::Answer;
use super::caller::Caller;
use super::job::Job;
use crate::backend::redis::connect::{Connection, Slot};
use crate::clock::Clock;
use crate::{BackendError, ErrorKind};

/// How many calls are under way at once: while the server works on one, the answer to another is read.
const CALLS: usize = 3;

/// How many limits a call is about at most: the server serves nobody else meanwhile.
const LIMITS: usize = 256;

const LOST: &str = "the connection to Redis was lost";

/// Where the requests of one connection come together: those of one slot of a cluster, or all.
#[derive(Default)]
pub(in crate::backend::redis) struct Lanes {
    inner: Mutex<Inner>,
    /// Apart from the rest: with a runtime that ends, a task is dropped by whoever starts it, and then takes its leave.
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
    /// How many tasks make calls.
    callers: usize,
    /// Whether the last call was for several. Then others are about to come, too.
    is_busy: bool,
}

/// A request that waits for its answer.
pub(super) struct Seat {
    pub(super) job: Job,
    pub(super) reply: oneshot::Sender<Result<Answer, BackendError>>,
}

/// Has a request decided by one of the next calls on a connection.
pub(super) async fn decide(
    slot: &Arc<Slot>,
    connection: &Arc<Connection>,
    lane: u16,
    job: Job,
    clock: Option<&Arc<dyn Clock>>,
) -> Result<Answer, BackendError> {
    let (reply, answer) = oneshot::channel();
    if connection.lanes.wait(lane, Seat { job, reply }) {
        let (slot, connection) = (Arc::clone(slot), Arc::clone(connection));
        Caller::new(slot, connection, lane, clock.cloned()).start();
    }
    // Who was sent and hears nothing may have been charged.
    answer.await.unwrap_or_else(|_| Err(BackendError::new(ErrorKind::Connection, "Redis did not decide")))
}

impl Lanes {
    /// Takes a request in; whether it takes one more task to make calls.
    fn wait(&self, lane: u16, seat: Seat) -> bool {
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

    /// Those that have waited longest, as many as fit into a call. If nobody waits, one task less makes calls.
    pub(super) fn take(&self, lane: u16) -> Vec<Seat> {
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

    pub(super) fn is_busy(&self, lane: u16) -> bool {
        lock(&self.inner).lanes.get(&lane).is_some_and(|lane| lane.is_busy)
    }

    /// A task that makes calls ends before its time: with its runtime, or with the connection. The next request has another
    /// one started.
    pub(super) fn leave(&self, lane: u16) {
        if let Some(lane) = lock(&self.inner).lanes.get_mut(&lane) {
            lane.callers -= 1;
            if lane.callers == 0 {
                // Those of another runtime, who have nobody else to wait for.
                lane.waiting
                    .drain(..)
                    .for_each(|seat| seat.turn_away("the runtime that was to ask Redis ended"));
            }
        }
    }

    pub(super) fn spawn(&self, caller: impl Future<Output = ()> + Send + 'static) {
        let mut callers = lock(&self.callers);
        while callers.try_join_next().is_some() {}
        callers.spawn(caller);
    }

    /// Ends all calls, and the waiting for them.
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
    /// There is no call that it could be part of.
    fn turn_away(self, why: &str) {
        let error = BackendError::new(ErrorKind::Connection, why).nothing_charged();
        // Who has given up meanwhile does not hear it.
        let _ = self.reply.send(Err(error));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
