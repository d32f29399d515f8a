//! Whether a throttle is enforced: the switches of the throttle and of its registry, and dry-run mode.

use std::sync::atomic::Ordering;

use super::Throttle;
use super::policy_history::ActivePolicy;
use crate::config::policy::Policy;
use crate::environment::enforcement::Force;

/// The throttle is switched off.
const OFF: u8 = 1;

/// The throttle's decisions are stored in requests that are passed on.
#[cfg(any(feature = "axum", feature = "tower"))]
const MARKED: u8 = 2;

impl Throttle {
    /// Returns whether the throttle is in effect: neither the throttle nor its whole registry is switched off.
    pub fn is_enabled(&self) -> bool {
        self.is_on() && self.0.environment.switches.force() != Force::Off
    }

    /// Whether no switch is set, so that decisions are enforced as the policy requires.
    #[inline]
    pub(crate) fn is_enforced(&self) -> bool {
        self.is_on() && self.0.environment.switches.force() == Force::Full
    }

    /// Like [`is_enforced`](Self::is_enforced), for a throttle that no layer and no middleware has
    /// [marked](Self::mark).
    #[cfg(any(feature = "axum", feature = "tower"))]
    #[inline]
    pub(crate) fn is_enforced_and_unmarked(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) == 0 && self.0.environment.switches.force() == Force::Full
    }

    /// Whether requests may arrive that this throttle has decided about before.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn is_marked(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) & MARKED != 0
    }

    /// Makes all later decisions of this throttle look for an earlier decision about the same request. Layers
    /// and middleware call this before they pass on such a request.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn mark(&self) {
        if !self.is_marked() {
            self.0.flags.fetch_or(MARKED, Ordering::Relaxed);
        }
    }

    #[inline]
    fn is_on(&self) -> bool {
        self.0.flags.load(Ordering::Relaxed) & OFF == 0
    }

    /// Returns how decisions by this policy are enforced. Read it once for each decision.
    pub(crate) fn force(&self, policy: &Policy) -> Force {
        match self.0.environment.switches.force() {
            _ if !self.is_on() => Force::Off,
            Force::Full if policy.dry_run => Force::Dry,
            force => force,
        }
    }

    /// Returns the active policy, and whether its decisions are in dry-run mode.
    pub(crate) fn policy_and_dry(&self) -> (ActivePolicy<'_>, bool) {
        let policy = self.policy();
        let is_dry = self.force(&policy) == Force::Dry;
        (policy, is_dry)
    }

    pub(crate) fn switch(&self, on: bool) {
        if on {
            self.0.flags.fetch_and(!OFF, Ordering::Relaxed);
        } else {
            self.0.flags.fetch_or(OFF, Ordering::Relaxed);
        }
    }
}
