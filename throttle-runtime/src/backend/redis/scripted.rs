//! Decisions by one script: one round trip.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use super::answers::{Answers, Ruling};
use super::batch::Batch;
use super::engine::Engine;
use super::failure::{Refusal, nonsense};
use super::job::{Call, Job};
use super::question::Question;
use super::scripts::DECIDE;
use super::slot::{Connection, Slot};
use crate::backend::Verdict;
use crate::clock::Clock;
use crate::strategy::Script;
use crate::{BackendError, ErrorKind};

impl Engine {
    /// The step of each limit as a script, if all have one.
    pub(super) fn scripts(&self, question: &Question<'_>) -> Option<Vec<Script>> {
        if self.time().is_some_and(|time| time >= 1 << 51) {
            return None;
        }
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let about = self.time().or_else(|| u64::try_from(system()).ok())?;
        let script = |limit| question.charge(limit).strategy.script(&question.arrival(limit, about));
        question.limits.iter().map(|limit| script(*limit)).collect()
    }

    /// A script decides, together with other requests; or nobody, if a number is too large for it.
    pub(super) async fn decide_there(
        &self,
        question: &Question<'_>,
        steps: Vec<Script>,
    ) -> Result<Option<Verdict>, BackendError> {
        let lasts = steps.iter().all(|step| step.denials_last);
        let Some(job) = Job::new(question, steps) else { return Ok(None) };
        let (answers, number) = self.join(job).await?;
        let (ruling, states) = answers.of(number, question)?;
        if ruling == Ruling::Unknown {
            return Ok(None);
        }
        let (quotas, after) = question.answer(&states, answers.at);
        if after.is_some() != (ruling == Ruling::Fits) {
            return Err(BackendError::new(ErrorKind::Store, "a script decided otherwise than its strategy"));
        }
        if let Some(denied) = self.denied.as_ref().filter(|_| after.is_none() && lasts) {
            denied.remember(question, states, answers.at, answers.asked);
        }
        Ok(Some(Verdict { quotas, at: answers.at }))
    }

    async fn join(&self, job: Job) -> Result<(Arc<Answers>, usize), BackendError> {
        let visit = self.slot.enter()?;
        let connection = &visit.connection;
        let (slot, clock) = (Arc::clone(&self.slot), self.clock.clone());
        let seat = connection
            .lanes
            .join(0, job, |batch, calls| Box::pin(send(slot, Arc::clone(connection), batch, calls, clock)));
        let answer = seat.await;
        visit.over();
        answer
    }
}

/// Sends a batch as soon as it is its turn.
async fn send(
    slot: Arc<Slot>,
    connection: Arc<Connection>,
    batch: Arc<Batch>,
    calls: Arc<Semaphore>,
    clock: Option<Arc<dyn Clock>>,
) -> Result<Arc<Answers>, BackendError> {
    let turn = calls.acquire().await;
    let _turn =
        turn.map_err(|_| BackendError::new(ErrorKind::Connection, "the connection to Redis was lost"))?;
    let jobs = batch.close();
    let call = Call::new(&jobs);
    let (asked, time) = (Instant::now(), clock.as_ref().map(Clock::now));
    let ask = |verb, script: &str| slot.ask(&connection, call.command(verb, script, time));
    let answer = match ask("EVALSHA", &DECIDE.sha).await {
        // Nothing ran, so it is sent whole.
        Err(Refusal::NoScript) => ask("EVAL", &DECIDE.text).await,
        answer => answer,
    };
    match answer {
        Ok(answer) => Answers::read(asked, &jobs, answer).map(Arc::new).ok_or_else(nonsense),
        Err(Refusal::NoScript) => Err(nonsense()),
        Err(Refusal::Failed(error)) => Err(error),
    }
}
