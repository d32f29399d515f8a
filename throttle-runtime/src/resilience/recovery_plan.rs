//! The recovery settings of a throttle, with its names resolved to backends and breakers.

use std::sync::Arc;
use std::time::Duration;

use super::circuit_breaker::Breaker;
use super::recovery::Fallback;
use super::retry::Retry;
use super::{Kinds, Recovery, Share};
use crate::backend::named::NamedBackend;

/// A [`Recovery`] whose names are resolved in a registry.
#[derive(Debug)]
pub(crate) struct ResolvedRecovery {
    pub(crate) retry: Option<Retry>,
    pub(crate) standby: Option<Standby>,
    pub(crate) breaker: Option<Breaker>,
    /// Whether the settings name timeouts for retries, and the backend recognises retries.
    pub(crate) recognises: bool,
}

/// The fallback: the backend that decides while the primary does not.
#[derive(Debug, Clone)]
pub(crate) struct Standby {
    pub(crate) fallback: NamedBackend,
    pub(crate) on: Kinds,
    pub(crate) share: Share,
}

impl Standby {
    /// Whether both are the same backend, with the same share.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.fallback.ptr_eq(&other.fallback) && self.share == other.share
    }
}

impl ResolvedRecovery {
    /// Resolves the settings. `recognises` says whether the throttle's own backend recognises retries.
    pub(crate) fn new(
        recovery: &Recovery,
        standby: Option<NamedBackend>,
        breaker: Option<Breaker>,
        recognises: bool,
    ) -> Arc<Self> {
        let standby = standby.zip(recovery.fallback);
        let standby = standby.map(|(fallback, Fallback { on, share, .. })| Standby { fallback, on, share });
        let retry = recovery.retry.filter(|retry| retry.max > 0);
        let recognises = recognises && retry.is_some_and(|retry| retry.names_timeouts);
        Arc::new(Self { retry, standby, breaker, recognises })
    }

    /// Returns the maximum duration of all attempts and of the waits between them. `timeout` is the timeout of
    /// one attempt.
    pub(crate) fn total_timeout(&self, timeout: Duration) -> Duration {
        let Some(retry) = &self.retry else { return timeout };
        timeout.saturating_mul(retry.max.saturating_add(1)).saturating_add(retry.waits())
    }

    /// Whether one attempt can decide requests with both of these settings together.
    pub(crate) fn goes_with(&self, other: &Self) -> bool {
        let breakers = match (&self.breaker, &other.breaker) {
            (Some(one), Some(other)) => one.ptr_eq(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let standbys = match (&self.standby, &other.standby) {
            (Some(one), Some(other)) => one.fallback.ptr_eq(&other.fallback) && one.on == other.on,
            (one, other) => one.is_none() && other.is_none(),
        };
        breakers && standbys && self.retry == other.retry
    }
}
