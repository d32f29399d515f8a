//! Decisions, with one round trip each if the strategies have scripts.

mod commit;
mod cross_slot;
mod hold;
mod in_process;
mod scripted;
mod worker;

use std::pin::pin;

use super::deny_cache::DenyCache;
use super::engine::Engine;
use super::request::{Request, States};
use crate::backend::{Mode, Verdict};
use crate::error::BackendError;
use crate::util::now_or_later::uncharged;

impl Engine {
    pub(super) async fn decide(&self, request: &Request<'_>) -> Result<Verdict, BackendError> {
        let verdict = pin!(self.select_and_decide(request));
        if request.mode == Mode::Peek {
            // A peek never charges, whatever error occurs.
            return uncharged(verdict).await.map_err(BackendError::safe_to_retry);
        }
        // The guard also covers a caller that gives up: its request may or may not have been charged.
        let mut change = self.deny_cache.as_ref().map(|deny_cache| Change {
            deny_cache,
            fingerprints: &request.fingerprints,
            is_certain: false,
        });
        let verdict = verdict.await;
        if let Some(change) = &mut change {
            change.is_certain = match &verdict {
                Ok(verdict) => !verdict.quotas.fit(),
                Err(error) => error.is_safe_to_retry(),
            };
        }
        verdict
    }

    async fn select_and_decide(&self, request: &Request<'_>) -> Result<Verdict, BackendError> {
        if request.limits.is_empty() {
            let at = self.time().unwrap_or_default();
            return Ok(Verdict::new(request.evaluate(&States::new(), at).0, at));
        }
        let steps = self.script_steps(request);
        let Some(hash_slot) = self.router.common_hash_slot(&request.keys) else {
            let denials_last = steps.is_some_and(|steps| steps.iter().all(|step| step.denials_last));
            return self.decide_cross_slot(request, denials_last).await;
        };
        if let Some(steps) = steps
            && let Some(verdict) = self.decide_by_script(request, hash_slot, steps).await?
        {
            return Ok(verdict);
        }
        self.decide_in_process(request, hash_slot).await
    }
}

/// A decision that may change states.
struct Change<'a> {
    deny_cache: &'a DenyCache,
    fingerprints: &'a [u128],
    /// Whether the decision certainly changed nothing.
    is_certain: bool,
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if !self.is_certain {
            self.deny_cache.invalidate(self.fingerprints);
        }
    }
}
