//! Requests that are decided by one call.
//!
//! While calls are under way, requests that come meanwhile wait together, and go out together as soon as one of the
//! calls has ended. So a request that is alone waits for nobody, and the more come at once, the less each costs.
//!
//! Nobody in particular sends a batch: it is a future that all its requests wait for, and whichever of them is polled
//! drives it. A request that gives up before takes itself out; if all do, nothing is sent.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::future::{FutureExt, Shared, WeakShared};
use tokio::sync::Semaphore;

use super::answers::Answers;
use super::job::Job;
use crate::BackendError;
use crate::soon::BoxFuture;

/// How many calls are under way at once: while the server works on one, the answer to another is read.
const CALLS: usize = 2;

/// How many limits a call is about at most: the server serves nobody else meanwhile.
const LIMITS: usize = 256;

/// Where the requests of one connection come together: those of one slot of a cluster, or all.
#[derive(Default)]
pub(super) struct Lanes(Mutex<HashMap<u16, Lane>>);

struct Lane {
    open: Option<Open>,
    calls: Arc<Semaphore>,
}

/// The batch that is still to be sent.
struct Open {
    batch: Arc<Batch>,
    answers: WeakShared<Sending>,
}

/// A batch on its way.
pub(super) type Sending = BoxFuture<'static, Result<Arc<Answers>, BackendError>>;

/// The requests of a batch, without those that gave up; nothing once it is sent.
pub(super) struct Batch(Mutex<Option<Vec<Option<Job>>>>);

/// A request in a batch, which waits for its answer.
pub(super) struct Seat {
    batch: Arc<Batch>,
    number: usize,
    answers: Shared<Sending>,
}

impl Lanes {
    /// Takes a request into the batch that goes out next; `send` makes one of a new batch, which is to wait for the
    /// permission to call.
    pub(super) fn join(
        &self,
        lane: u16,
        job: Job,
        send: impl FnOnce(Arc<Batch>, Arc<Semaphore>) -> Sending,
    ) -> Seat {
        let mut lanes = lock(&self.0);
        let lane =
            lanes.entry(lane).or_insert_with(|| Lane { open: None, calls: Arc::new(Semaphore::new(CALLS)) });
        let mut job = Some(job);
        if let Some(Open { batch, answers }) = &lane.open
            && let Some(answers) = answers.upgrade()
            && let Some(number) = batch.add(&mut job)
        {
            return Seat { batch: Arc::clone(batch), number, answers };
        }
        let batch = Arc::new(Batch(Mutex::new(Some(vec![job]))));
        let answers = send(Arc::clone(&batch), Arc::clone(&lane.calls)).shared();
        let open = answers.downgrade().map(|answers| Open { batch: Arc::clone(&batch), answers });
        lane.open = open;
        Seat { batch, number: 0, answers }
    }

    /// Ends the waiting of all that are not sent yet.
    pub(super) fn close(&self) {
        lock(&self.0).values().for_each(|lane| lane.calls.close());
    }
}

impl Batch {
    /// Takes a request in, and says its number, unless it is too late.
    fn add(&self, job: &mut Option<Job>) -> Option<usize> {
        let mut jobs = lock(&self.0);
        let jobs = jobs.as_mut().filter(|jobs| jobs.len() < LIMITS)?;
        let limits = |job: &Option<Job>| job.as_ref().map_or(0, Job::len);
        if jobs.iter().chain([&*job]).map(limits).sum::<usize>() > LIMITS {
            return None;
        }
        jobs.push(job.take());
        Some(jobs.len() - 1)
    }

    /// The requests, when it is sent: from now on no others come, and nobody leaves.
    pub(super) fn close(&self) -> Vec<Option<Job>> {
        lock(&self.0).take().unwrap_or_default()
    }
}

impl Future for Seat {
    type Output = Result<(Arc<Answers>, usize), BackendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let seat = self.get_mut();
        let answers = ready!(Pin::new(&mut seat.answers).poll(context))?;
        Poll::Ready(Ok((answers, seat.number)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(job) = lock(&self.batch.0).as_mut().and_then(|jobs| jobs.get_mut(self.number)) {
            *job = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
