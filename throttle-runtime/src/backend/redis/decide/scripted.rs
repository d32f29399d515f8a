//! Decisions by one script, in one round trip.
//!
//! The script returns the time and the states that it found. The `step` of the strategy in this process
//! computes the quota from them. The script and `step` can therefore differ only about the admission, which is
//! compared at every decision.

use std::time::{SystemTime, UNIX_EPOCH};

use super::worker;
use crate::backend::Verdict;
use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::batch::call::BatchEntry;
use crate::backend::redis::batch::reply::{EntryReply, EntryStatus};
use crate::backend::redis::deny_cache::CallStart;
use crate::backend::redis::engine::Engine;
use crate::backend::redis::request::Request;
use crate::error::{BackendError, ErrorKind};
use crate::strategy::Script;

impl Engine {
    /// Returns the script step of each limit, if all strategies have one.
    pub(super) fn script_steps(&self, request: &Request<'_>) -> Option<Vec<Script>> {
        if self.time().is_some_and(|time| time >= 1 << 51) {
            return None;
        }
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let now = self.time().or_else(|| u64::try_from(system()).ok())?;
        let script = |limit| request.charge(limit).strategy.script(&request.arrival(limit, now));
        request.limits.iter().map(|limit| script(*limit)).collect()
    }

    /// Decides in a batch with other requests. Returns `None` if a number is too large for the script.
    pub(super) async fn decide_by_script(
        &self,
        request: &Request<'_>,
        hash_slot: u16,
        steps: Vec<Script>,
    ) -> Result<Option<Verdict>, BackendError> {
        let (denials_last, changes) =
            (steps.iter().all(|step| step.denials_last), self.change_count(request));
        let mut attempt = 0;
        let EntryReply { status, states, at, sent_at } = loop {
            let Some(entry) = BatchEntry::new(request, &steps) else { return Ok(None) };
            let reply = self.decide_in_batch(hash_slot, entry).await?;
            if reply.status != EntryStatus::Held {
                break reply;
            }
            // The holder of a state changes it soon, or loses its hold after one second.
            step_aside(attempt).await;
            attempt += 1;
        };
        if status == EntryStatus::TooLarge {
            return Ok(None);
        }
        if let Some(verdict) = request.earlier_verdict(&states, at)? {
            return Ok(Some(verdict));
        }
        let (quotas, after) = request.evaluate(&states, at);
        if after.is_some() != (status == EntryStatus::Fits) {
            let error =
                BackendError::new(ErrorKind::Store, "a script and its strategy made different decisions");
            return Err(if status == EntryStatus::Fits { error } else { error.safe_to_retry() });
        }
        if let Some(deny_cache) = self.deny_cache.as_ref().filter(|_| after.is_none() && denials_last) {
            deny_cache.store(request, states, at, CallStart { sent_at, changes });
        }
        Ok(Some(Verdict::new(quotas, at)))
    }

    async fn decide_in_batch(&self, hash_slot: u16, entry: BatchEntry) -> Result<EntryReply, BackendError> {
        let handle = self.router.handle(hash_slot)?;
        let in_flight = handle.begin_request()?;
        let reply =
            worker::decide(&handle, &in_flight.connection, hash_slot, entry, self.clock.as_ref()).await;
        in_flight.complete();
        reply
    }
}
