//! The policy of a throttle that is in effect, and the most recent earlier ones.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};

use crate::Settings;
use crate::config::policy::Policy;
use crate::util::sync;

/// The policies of a throttle, of which one is in effect.
///
/// Every decision reads the policy in effect, and must neither take a lock nor count readers. The first policy
/// lives as long as the throttle, so it is only borrowed. A hazard pointer of the reading thread protects a
/// later policy. A later policy is freed when it is not in effect, not kept for reuse, and not being read.
pub(crate) struct Versions {
    first: Arc<Policy>,
    /// Whether a policy other than the first is in effect.
    is_later: AtomicBool,
    later: ArcSwap<Policy>,
    /// The most recent policies that came into effect after the first, the latest at the end. Locked during an
    /// update.
    last: Mutex<VecDeque<Arc<Policy>>>,
}

/// The number of policies that are kept for settings that are reapplied.
const KEPT: usize = 8;

impl Versions {
    pub(crate) fn new(first: Policy) -> Self {
        let first = Arc::new(first);
        let later = ArcSwap::new(Arc::clone(&first));
        Self { first, is_later: AtomicBool::new(false), later, last: Mutex::default() }
    }

    /// Returns the first policy, if it is in effect.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Arc<Policy>> {
        if self.is_later.load(Ordering::Acquire) { None } else { Some(&self.first) }
    }

    /// Returns the policy in effect if it is not the first, for one decision that does not wait.
    #[inline]
    pub(crate) fn updated(&self) -> Option<Guard<Arc<Policy>>> {
        self.is_later.load(Ordering::Acquire).then(|| self.later.load())
    }

    /// Returns the policy in effect. Two calls may return two different policies.
    #[inline]
    pub(crate) fn current(&self) -> InForce<'_> {
        match self.first() {
            Some(first) => InForce::First(first),
            None => InForce::Later(self.later.load_full()),
        }
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
        let mut last = sync::lock(&self.last);
        let before = self.current().into_owned();
        let updates = settings.or(before.updates.clone());
        // Everything else that a policy results from never changes.
        if self.first.updates.same(&updates) {
            self.is_later.store(false, Ordering::Release);
            return Ok((before, Arc::clone(&self.first)));
        }
        let after = match last.iter().position(|known| known.updates.same(&updates)) {
            Some(known) => last.remove(known),
            None => None,
        };
        let after = match after {
            Some(known) => known,
            None => {
                let known: Vec<_> = last.iter().rev().chain([&self.first]).collect();
                Arc::new(settle(updates, &known)?)
            }
        };
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(Arc::clone(&after));
        self.later.store(Arc::clone(&after));
        self.is_later.store(true, Ordering::Release);
        Ok((before, after))
    }

    /// Returns how many policies are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        1 + sync::lock(&self.last).len()
    }
}

/// The policy that was in effect when this value was created.
#[derive(Clone)]
pub(crate) enum InForce<'t> {
    First(&'t Arc<Policy>),
    Later(Arc<Policy>),
}

impl InForce<'_> {
    /// Converts it into an owned policy, which can outlive the throttle.
    pub(crate) fn into_owned(self) -> Arc<Policy> {
        match self {
            Self::First(policy) => Arc::clone(policy),
            Self::Later(policy) => policy,
        }
    }
}

impl Deref for InForce<'_> {
    type Target = Arc<Policy>;

    #[inline]
    fn deref(&self) -> &Arc<Policy> {
        match self {
            Self::First(policy) => policy,
            Self::Later(policy) => policy,
        }
    }
}
