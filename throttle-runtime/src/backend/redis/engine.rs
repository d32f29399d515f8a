//! The parts of a backend that its operations share.

use std::sync::Arc;

use super::deny_cache::Denied;
use super::request::Request;
use super::router::Servers;
use crate::backend::{Mode, Resets, Verdict};
use crate::clock::Clock;
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
    pub(super) fn recall(&self, request: &Request<'_>) -> Option<Verdict> {
        self.denied.as_ref().filter(|_| self.knows_any(request.mode))?.recall(request, self.time())
    }

    /// Returns the number of changes by this process of states of the identities. Read it before Redis is
    /// called.
    pub(super) fn changes(&self, request: &Request<'_>) -> u32 {
        self.denied.as_ref().map_or(0, |denied| denied.changes(&request.fingerprints))
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
}
