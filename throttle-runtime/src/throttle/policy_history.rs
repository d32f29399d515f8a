//! The policy of a throttle that is in effect, and the most recent earlier ones.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};

use crate::config::policy::Policy;
use crate::config::settings::Settings;
use crate::util::sync;

/// The policies of a throttle, of which one is in effect.
///
/// Every decision reads the policy in effect, and must neither take a lock nor count readers. The first policy
/// lives as long as the throttle, so it is only borrowed. A hazard pointer of the reading thread protects a
/// later policy. A later policy is freed when it is not in effect, not kept for reuse, and not being read.
pub(crate) struct PolicyHistory {
    initial: Arc<Policy>,
    /// Whether a policy other than the first is in effect.
    is_updated: AtomicBool,
    latest: ArcSwap<Policy>,
    /// The most recent policies that came into effect after the first, the latest at the end. Locked during an
    /// update.
    recent: Mutex<VecDeque<Arc<Policy>>>,
}

/// The number of policies that are kept for settings that are reapplied.
const KEPT: usize = 8;

impl PolicyHistory {
    pub(crate) fn new(initial: Policy) -> Self {
        let initial = Arc::new(initial);
        let latest = ArcSwap::new(Arc::clone(&initial));
        Self { initial, is_updated: AtomicBool::new(false), latest, recent: Mutex::default() }
    }

    /// Returns the first policy, if it is in effect.
    #[inline]
    pub(crate) fn initial(&self) -> Option<&Arc<Policy>> {
        if self.is_updated.load(Ordering::Acquire) { None } else { Some(&self.initial) }
    }

    /// Returns the policy in effect if it is not the first, for one decision that does not wait.
    #[inline]
    pub(crate) fn updated(&self) -> Option<Guard<Arc<Policy>>> {
        self.is_updated.load(Ordering::Acquire).then(|| self.latest.load())
    }

    /// Returns the policy in effect. Two calls may return two different policies.
    #[inline]
    pub(crate) fn current(&self) -> ActivePolicy<'_> {
        match self.initial() {
            Some(initial) => ActivePolicy::Initial(initial),
            None => self.current_updated(),
        }
    }

    #[inline(never)]
    fn current_updated(&self) -> ActivePolicy<'_> {
        ActivePolicy::Updated(self.latest.load_full())
    }

    /// Puts the policy into effect that results from these settings and all earlier updates. Returns the
    /// policies before and after. If `settle` fails, nothing changes.
    ///
    /// `settle` receives the settings of all updates, and the known policies.
    pub(crate) fn update<E>(
        &self,
        settings: Settings,
        settle: impl FnOnce(Settings, &[&Arc<Policy>]) -> Result<Policy, E>,
    ) -> Result<(Arc<Policy>, Arc<Policy>), E> {
        let mut recent = sync::lock(&self.recent);
        let before = self.current().into_owned();
        let updates = settings.or(before.updates.clone());
        // Everything else that a policy results from never changes.
        if self.initial.updates.same(&updates) {
            self.is_updated.store(false, Ordering::Release);
            return Ok((before, Arc::clone(&self.initial)));
        }
        let after = match recent.iter().position(|known| known.updates.same(&updates)) {
            Some(known) => recent.remove(known),
            None => None,
        };
        let after = match after {
            Some(known) => known,
            None => {
                let known: Vec<_> = recent.iter().rev().chain([&self.initial]).collect();
                Arc::new(settle(updates, &known)?)
            }
        };
        if recent.len() == KEPT {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&after));
        self.latest.store(Arc::clone(&after));
        self.is_updated.store(true, Ordering::Release);
        Ok((before, after))
    }

    /// Returns how many policies are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        1 + sync::lock(&self.recent).len()
    }
}

/// The policy that was in effect when this value was created.
#[derive(Clone)]
pub(crate) enum ActivePolicy<'t> {
    Initial(&'t Arc<Policy>),
    Updated(Arc<Policy>),
}

impl ActivePolicy<'_> {
    /// Converts it into an owned policy, which can outlive the throttle.
    pub(crate) fn into_owned(self) -> Arc<Policy> {
        match self {
            Self::Initial(policy) => Arc::clone(policy),
            Self::Updated(policy) => policy,
        }
    }
}

impl Deref for ActivePolicy<'_> {
    type Target = Arc<Policy>;

    #[inline]
    fn deref(&self) -> &Arc<Policy> {
        match self {
            Self::Initial(policy) => policy,
            Self::Updated(policy) => policy,
        }
    }
}
