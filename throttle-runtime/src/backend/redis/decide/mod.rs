//! Decisions, with one round trip each if the strategies have scripts.

mod commit;
mod cross_slot;
mod hold;
mod in_process;
mod scripted;
mod worker;

use std::pin::pin;

use super::deny_cache::Denied;
use super::engine::Engine;
use super::request::{Question, States};
use crate::BackendError;
use crate::backend::{Mode, Verdict};
use crate::util::now_or_later::uncharged;

impl Engine {
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
