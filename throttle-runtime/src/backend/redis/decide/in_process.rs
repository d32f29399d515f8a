//! Decisions by compare-and-set: two round trips, and more if other processes write in between.

use crate::BackendError;
use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::codec;
use crate::backend::redis::compare_and_set::{ATTEMPTS, Found, contended};
use crate::backend::redis::engine::Engine;
use crate::backend::redis::partition::Part;
use crate::backend::redis::request::{Question, States};
use crate::backend::{Mode, Verdict};

impl Engine {
    /// The strategies decide in this process, from the states of one hash slot. Then the new states are written
    /// by compare-and-set.
    pub(super) async fn decide_here(
        &self,
        question: &Question<'_>,
        lane: u16,
    ) -> Result<Verdict, BackendError> {
        let part = Part::whole(lane, &question.names);
        for attempt in 0..ATTEMPTS {
            let Found { at, stored, is_held } = self.read(&part).await?;
            let states: States = stored.iter().map(|bytes| codec::decode(bytes)).collect();
            if let Some(verdict) = question.recognised(&states, at)? {
                return Ok(verdict);
            }
            let (quotas, after) = question.answer(&states, at);
            let verdict = Verdict::new(quotas, at);
            match after.filter(|_| question.mode == Mode::Take) {
                Some(after) if is_held || !self.write(&part, &stored, &after, at).await? => {
                    step_aside(attempt).await;
                }
                _ => return Ok(verdict),
            }
        }
        Err(contended())
    }
}
