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
use crate::backend::redis::request::{Request, States};
use crate::backend::{Mode, Verdict};
use crate::strategy::State;
use crate::util::now_or_later::uncharged;

impl Engine {
    pub(super) async fn decide_cross_slot(
        &self,
        request: &Request<'_>,
        denials_last: bool,
    ) -> Result<Verdict, BackendError> {
        if request.mode == Mode::Peek {
            return self.peek_cross_slot(request).await;
        }
        let asked = (Instant::now(), self.changes(request));
        let partitions = self.servers.partitions(&request.keys);
        let held = pin!(Held::take(&self.servers, self.clock.as_ref(), partitions));
        let held = uncharged(held).await?;
        let (states, at) = (held.states(), held.at());
        if let Some(verdict) = request.earlier_verdict(&states, at)? {
            return Ok(verdict);
        }
        let (quotas, after) = request.evaluate(&states, at);
        match (after, &self.denied) {
            (Some(after), _) => held.store(&after, at).await?,
            (None, Some(denied)) if denials_last => denied.remember(request, states, at, asked),
            (None, _) => {}
        }
        Ok(Verdict::new(quotas, at))
    }

    async fn peek_cross_slot(&self, request: &Request<'_>) -> Result<Verdict, BackendError> {
        let mut states: States = request.keys.iter().map(|_| State::EMPTY).collect();
        let mut at = 0;
        for partition in self.servers.partitions(&request.keys) {
            let found = self.read(&partition).await?;
            at = at.max(found.at);
            for (&index, bytes) in partition.indexes.iter().zip(&found.stored) {
                states[index] = codec::decode(bytes);
            }
        }
        Ok(Verdict::new(request.evaluate(&states, at).0, at))
    }
}
