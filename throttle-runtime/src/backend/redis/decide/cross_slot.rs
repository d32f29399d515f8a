//! Decisions about states in several hash slots of a cluster. A script may use only one hash slot.
//!
//! The states are held in all hash slots, then the strategies decide, then the new states are written. This
//! takes two round trips for each hash slot. A decision that only reads holds nothing.

use std::pin::pin;
use std::time::Instant;

use super::hold::Hold;
use crate::backend::redis::codec;
use crate::backend::redis::deny_cache::CallStart;
use crate::backend::redis::engine::Engine;
use crate::backend::redis::request::{Request, States};
use crate::backend::{Mode, Verdict};
use crate::error::BackendError;
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
        let call = CallStart { sent_at: Instant::now(), changes: self.change_count(request) };
        let partitions = self.router.split(&request.keys);
        let hold = pin!(Hold::acquire(&self.router, self.clock.as_ref(), partitions));
        let hold = uncharged(hold).await?;
        let (states, at) = (hold.states(), hold.at());
        if let Some(verdict) = request.earlier_verdict(&states, at)? {
            return Ok(verdict);
        }
        let (quotas, after) = request.evaluate(&states, at);
        match (after, &self.deny_cache) {
            (Some(after), _) => hold.commit(&after, at).await?,
            (None, Some(deny_cache)) if denials_last => deny_cache.store(request, states, at, call),
            (None, _) => {}
        }
        Ok(Verdict::new(quotas, at))
    }

    async fn peek_cross_slot(&self, request: &Request<'_>) -> Result<Verdict, BackendError> {
        let mut states: States = request.keys.iter().map(|_| State::EMPTY).collect();
        let mut at = 0;
        for partition in self.router.split(&request.keys) {
            let found = self.read(&partition).await?;
            at = at.max(found.at);
            for (&index, bytes) in partition.indexes.iter().zip(&found.stored) {
                states[index] = codec::decode(bytes);
            }
        }
        Ok(Verdict::new(request.evaluate(&states, at).0, at))
    }
}
