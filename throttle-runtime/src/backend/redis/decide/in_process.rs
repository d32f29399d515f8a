//! Decisions by compare-and-set, in two or more round trips. Alone because each way to decide has its file.

use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::codec;
use crate::backend::redis::compare_and_set::{MAX_ATTEMPTS, StoredStates, contended};
use crate::backend::redis::engine::Engine;
use crate::backend::redis::partition::Partition;
use crate::backend::redis::request::{Request, States};
use crate::backend::{Mode, Verdict};
use crate::error::BackendError;

impl Engine {
    /// The strategies decide in this process, from the states of one hash slot. Then the new states are written
    /// by compare-and-set.
    pub(super) async fn decide_in_process(
        &self,
        request: &Request<'_>,
        hash_slot: u16,
    ) -> Result<Verdict, BackendError> {
        let partition = Partition::single(hash_slot, &request.keys);
        for attempt in 0..MAX_ATTEMPTS {
            let StoredStates { at, stored, is_held } = self.read(&partition).await?;
            let states: States = stored.iter().map(|bytes| codec::decode(bytes)).collect();
            if let Some(verdict) = request.earlier_verdict(&states, at)? {
                return Ok(verdict);
            }
            let (quotas, after) = request.evaluate(&states, at);
            let verdict = Verdict::new(quotas, at);
            match after.filter(|_| request.mode == Mode::Consume) {
                Some(after) if is_held || !self.write(&partition, &stored, &after, at).await? => {
                    step_aside(attempt).await;
                }
                _ => return Ok(verdict),
            }
        }
        Err(contended())
    }
}
