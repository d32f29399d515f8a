//! Decisions about states in several hash slots of a cluster. A script may use only one hash slot.
//!
//! The states are held in all hash slots, then the strategies decide, then the new states are written. This
//! takes two round trips for each hash slot. A decision that only reads holds nothing.

use std::pin::pin;
use std::time::Instant;

use super::hold::Held;
use crate::BackendError;
use crate::backend::redis::codec;
use crate::backend::redis::engine::Engine;
use crate::backend::redis::request::{Question, States};
use crate::backend::{Mode, Verdict};
use crate::strategy::State;
use crate::util::now_or_later::uncharged;

impl Engine {
    pub(super) async fn decide_across(
        &self,
        question: &Question<'_>,
        denials_last: bool,
    ) -> Result<Verdict, BackendError> {
        if question.mode == Mode::Peek {
            return self.peek_across(question).await;
        }
        let asked = (Instant::now(), self.changes(question));
        let parts = self.servers.parts(&question.names);
        let held = pin!(Held::take(&self.servers, self.clock.as_ref(), parts));
        let held = uncharged(held).await?;
        let (states, at) = (held.states(), held.at());
        if let Some(verdict) = question.recognised(&states, at)? {
            return Ok(verdict);
        }
        let (quotas, after) = question.answer(&states, at);
        match (after, &self.denied) {
            (Some(after), _) => held.store(&after, at).await?,
            (None, Some(denied)) if denials_last => denied.remember(question, states, at, asked),
            (None, _) => {}
        }
        Ok(Verdict::new(quotas, at))
    }

    async fn peek_across(&self, question: &Question<'_>) -> Result<Verdict, BackendError> {
        let mut states: States = question.names.iter().map(|_| State::EMPTY).collect();
        let mut at = 0;
        for part in self.servers.parts(&question.names) {
            let found = self.read(&part).await?;
            at = at.max(found.at);
            for (&index, bytes) in part.indexes.iter().zip(&found.stored) {
                states[index] = codec::decode(bytes);
            }
        }
        Ok(Verdict::new(question.answer(&states, at).0, at))
    }
}
