//! Decisions by one script, in one round trip.

use std::time::{SystemTime, UNIX_EPOCH};

use super::worker;
use crate::backend::Verdict;
use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::batch::call::Job;
use crate::backend::redis::batch::reply::{Answer, Ruling};
use crate::backend::redis::engine::Engine;
use crate::backend::redis::request::Question;
use crate::strategy::Script;
use crate::{BackendError, ErrorKind};

impl Engine {
    /// Returns the script step of each limit, if all strategies have one.
    pub(super) fn scripts(&self, question: &Question<'_>) -> Option<Vec<Script>> {
        if self.time().is_some_and(|time| time >= 1 << 51) {
            return None;
        }
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let about = self.time().or_else(|| u64::try_from(system()).ok())?;
        let script = |limit| question.charge(limit).strategy.script(&question.arrival(limit, about));
        question.limits.iter().map(|limit| script(*limit)).collect()
    }

    /// Decides in a batch with other requests. Returns `None` if a number is too large for the script.
    pub(super) async fn decide_there(
        &self,
        question: &Question<'_>,
        lane: u16,
        steps: Vec<Script>,
    ) -> Result<Option<Verdict>, BackendError> {
        let (lasts, changes) = (steps.iter().all(|step| step.denials_last), self.changes(question));
        let mut attempt = 0;
        let Answer { ruling, states, at, asked } = loop {
            let Some(job) = Job::new(question, &steps) else { return Ok(None) };
            let answer = self.together(lane, job).await?;
            if answer.ruling != Ruling::Held {
                break answer;
            }
            // The holder of a state changes it soon, or loses its hold after one second.
            step_aside(attempt).await;
            attempt += 1;
        };
        if ruling == Ruling::Unknown {
            return Ok(None);
        }
        if let Some(verdict) = question.recognised(&states, at)? {
            return Ok(Some(verdict));
        }
        let (quotas, after) = question.answer(&states, at);
        if after.is_some() != (ruling == Ruling::Fits) {
            let error = BackendError::new(ErrorKind::Store, "a script decided otherwise than its strategy");
            return Err(if ruling == Ruling::Fits { error } else { error.nothing_charged() });
        }
        if let Some(denied) = self.denied.as_ref().filter(|_| after.is_none() && lasts) {
            denied.remember(question, states, at, (asked, changes));
        }
        Ok(Some(Verdict::new(quotas, at)))
    }

    async fn together(&self, lane: u16, job: Job) -> Result<Answer, BackendError> {
        let slot = self.servers.of(lane)?;
        let visit = slot.enter()?;
        let answer = worker::decide(&slot, &visit.connection, lane, job, self.clock.as_ref()).await;
        visit.over();
        answer
    }
}
