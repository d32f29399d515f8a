//! Tasks that make calls for waiting requests, as long as there are any.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::backend::redis::batch::call::{Call, Job};
use crate::backend::redis::batch::queue::Seat;
use crate::backend::redis::batch::reply;
use crate::backend::redis::batch::reply::Answer;
use crate::backend::redis::connection::{Connection, Slot};
use crate::backend::redis::errors;
use crate::backend::redis::errors::nonsense;
use crate::backend::redis::scripts::DECIDE;
use crate::clock::Clock;
use crate::{BackendError, ErrorKind};

/// Decides a request in one of the next calls on a connection.
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
    // A request that was sent and received no reply may have been charged.
    answer.await.unwrap_or_else(|_| Err(BackendError::new(ErrorKind::Connection, "Redis did not decide")))
}

/// A task that makes calls, as long as requests wait.
struct Caller {
    slot: Arc<Slot>,
    connection: Arc<Connection>,
    lane: u16,
    clock: Option<Arc<dyn Clock>>,
    /// Whether the task is already counted as ended.
    over: bool,
}

impl Caller {
    const fn new(
        slot: Arc<Slot>,
        connection: Arc<Connection>,
        lane: u16,
        clock: Option<Arc<dyn Clock>>,
    ) -> Self {
        Self { slot, connection, lane, clock, over: false }
    }

    fn start(self) {
        let connection = Arc::clone(&self.connection);
        connection.lanes.spawn(self.run());
    }

    async fn run(mut self) {
        loop {
            if self.connection.lanes.is_busy(self.lane) {
                yield_now().await;
            }
            let seats = self.connection.lanes.take(self.lane);
            if seats.is_empty() {
                self.over = true;
                return;
            }
            let (jobs, replies): (Vec<_>, Vec<_>) =
                seats.into_iter().map(|seat| (seat.job, seat.reply)).unzip();
            for (answer, reply) in self.answers(&jobs).await.into_iter().zip(replies) {
                // If the caller has given up meanwhile, the result is dropped.
                let _ = reply.send(answer);
            }
        }
    }

    async fn answers(&self, jobs: &[Job]) -> Vec<Result<Answer, BackendError>> {
        match self.call(jobs).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            // Requests that do not fit need no memory, and must not fail because of requests that do.
            Err(error) if jobs.len() > 1 && errors::is_of_memory(&error) => {
                let mut answers = Vec::with_capacity(jobs.len());
                for job in jobs.chunks(1) {
                    let answer = self.call(job).await;
                    answers.push(answer.and_then(|mut answers| answers.pop().ok_or_else(nonsense)));
                }
                answers
            }
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn call(&self, jobs: &[Job]) -> Result<Vec<Answer>, BackendError> {
        let call = Call::new(jobs);
        let (asked, time) = (Instant::now(), self.clock.as_ref().map(Clock::now));
        let ask = |verb, script: &str| self.slot.ask(&self.connection, call.command(verb, script, time));
        reply::read(&DECIDE.run(ask).await?, jobs, &call, asked).ok_or_else(nonsense)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if !self.over {
            self.connection.lanes.leave(self.lane);
        }
    }
}
