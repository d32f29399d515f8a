//! Decisions, with one round trip each if the strategies have scripts.

use std::pin::pin;
use std::sync::Arc;

use super::deny_cache::Denied;
use super::request::{Question, States};
use super::router::Servers;
use crate::BackendError;
use crate::backend::{Mode, Resets, Verdict};
use crate::clock::Clock;
use crate::util::now_or_later::uncharged;
use crate::util::task_tracker::UnderWay;

/// The parts of a [`Redis`](super::Redis) backend.
pub(super) struct Engine {
    pub(super) servers: Servers,
    pub(super) namespace: String,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) denied: Option<Denied>,
    pub(super) resets: Resets,
    /// The tasks that keep concurrency permits.
    pub(super) leases: UnderWay,
}

impl Engine {
    /// Whether a decision may be known without calling Redis.
    pub(super) fn knows_any(&self, mode: Mode) -> bool {
        mode == Mode::Take && self.denied.as_ref().is_some_and(|denied| !denied.is_empty())
    }

    /// Returns the decision, if it is known without calling Redis.
    pub(super) fn recall(&self, question: &Question<'_>) -> Option<Verdict> {
        self.denied.as_ref().filter(|_| self.knows_any(question.mode))?.recall(question, self.time())
    }

    /// Returns the number of changes by this process of states of the identities. Read it before Redis is
    /// called.
    pub(super) fn changes(&self, question: &Question<'_>) -> u32 {
        self.denied.as_ref().map_or(0, |denied| denied.changes(&question.payers))
    }

    /// Invalidates all cached denials after a reset, because denied requests may fit now.
    pub(super) fn forget_denied(&self) {
        if let Some(denied) = &self.denied {
            denied.clear();
        }
    }

    /// Returns the time of the configured clock; `None` if the server's clock is used.
    pub(super) fn time(&self) -> Option<u64> {
        self.clock.as_ref().map(Clock::now)
    }

    pub(super) async fn decide(&self, question: &Question<'_>) -> Result<Verdict, BackendError> {
        let answer = pin!(self.ask(question));
        if question.mode == Mode::Peek {
            // A peek never charges, whatever error occurs.
            return uncharged(answer).await.map_err(BackendError::nothing_charged);
        }
        // The guard also covers a caller that gives up: its request may or may not have been charged.
        let mut change =
            self.denied.as_ref().map(|denied| Change { denied, payers: &question.payers, is_certain: false });
        let verdict = answer.await;
        if let Some(change) = &mut change {
            change.is_certain = match &verdict {
                Ok(verdict) => !verdict.quotas.fit(),
                Err(error) => error.is_nothing_charged(),
            };
        }
        verdict
    }

    async fn ask(&self, question: &Question<'_>) -> Result<Verdict, BackendError> {
        if question.limits.is_empty() {
            let at = self.time().unwrap_or_default();
            return Ok(Verdict::new(question.answer(&States::new(), at).0, at));
        }
        let steps = self.scripts(question);
        let Some(lane) = self.servers.lane(&question.names) else {
            let lasts = steps.is_some_and(|steps| steps.iter().all(|step| step.denials_last));
            return self.decide_across(question, lasts).await;
        };
        if let Some(steps) = steps
            && let Some(verdict) = self.decide_there(question, lane, steps).await?
        {
            return Ok(verdict);
        }
        self.decide_here(question, lane).await
    }
}

/// A decision that may change states.
struct Change<'a> {
    denied: &'a Denied,
    payers: &'a [u128],
    /// Whether the decision certainly changed nothing.
    is_certain: bool,
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if !self.is_certain {
            self.denied.changed(self.payers);
        }
    }
}
