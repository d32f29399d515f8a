//! The parts of a backend that its operations share.

use std::sync::Arc;

use super::deny_cache::DenyCache;
use super::request::Request;
use super::router::Router;
use crate::backend::{Mode, Resets, Verdict};
use crate::clock::Clock;
use crate::util::task_tracker::TaskTracker;

/// The parts of a [`Redis`](super::Redis) backend.
pub(super) struct Engine {
    pub(super) router: Router,
    pub(super) namespace: String,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) deny_cache: Option<DenyCache>,
    pub(super) resets: Resets,
    /// The tasks that keep concurrency permits.
    pub(super) leases: TaskTracker,
}

impl Engine {
    /// Whether a denial may be cached. It takes no lock.
    pub(super) fn may_be_cached(&self, mode: Mode) -> bool {
        mode == Mode::Consume && self.deny_cache.as_ref().is_some_and(|deny_cache| !deny_cache.is_empty())
    }

    /// Returns the cached denial of a request, if there is one.
    pub(super) fn cached_denial(&self, request: &Request<'_>) -> Option<Verdict> {
        self.deny_cache.as_ref().filter(|_| self.may_be_cached(request.mode))?.lookup(request, self.time())
    }

    /// Returns the number of changes by this process of states of the identities. Read it before Redis is
    /// called.
    pub(super) fn change_count(&self, request: &Request<'_>) -> u32 {
        self.deny_cache.as_ref().map_or(0, |deny_cache| deny_cache.change_count(&request.fingerprints))
    }

    /// Invalidates all cached denials after a reset, because denied requests may fit now.
    pub(super) fn clear_deny_cache(&self) {
        if let Some(deny_cache) = &self.deny_cache {
            deny_cache.clear();
        }
    }

    /// Returns the time of the configured clock; `None` if the server's clock is used.
    pub(super) fn time(&self) -> Option<u64> {
        self.clock.as_ref().map(Clock::now)
    }
}
