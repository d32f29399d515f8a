//! The policy of a throttle that is in force, and the last ones before it.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use crate::Settings;
use crate::policy::Policy;

/// The policies of a throttle, of which one is in force.
///
/// Every decision reads it, and must neither take a lock nor count readers. The first policy stays as long as the
/// throttle, so it is only borrowed. A later one is protected by a hazard pointer of the thread that reads it, and is
/// freed when it is neither in force, nor among the last ones, nor read.
pub(crate) struct Versions {
    first: Arc<Policy>,
    /// Whether another one than the first is in force.
    is_later: AtomicBool,
    later: ArcSwap<Policy>,
    /// The last ones that were in force after the first, the latest at the end. Held by whoever makes one.
    last: Mutex<VecDeque<Arc<Policy>>>,
}

/// How many policies are kept for settings that come back.
const KEPT: usize = 8;

impl Versions {
    pub(crate) fn new(first: Policy) -> Self {
        let first = Arc::new(first);
        let later = ArcSwap::new(Arc::clone(&first));
        Self { first, is_later: AtomicBool::new(false), later, last: Mutex::default() }
    }

    /// The first one, if it is in force.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Arc<Policy>> {
        if self.is_later.load(Ordering::Acquire) { None } else { Some(&self.first) }
    }

    /// The one in force, if it is not the first, for one decision without a wait.
    #[inline]
    pub(crate) fn later(&self) -> Guard<Arc<Policy>> {
        self.later.load()
    }

    /// The one in force. Whoever reads it twice may see two.
    #[inline]
    pub(crate) fn current(&self) -> InForce<'_> {
        match self.first() {
            Some(first) => InForce::First(first),
            None => InForce::Later(self.later.load_full()),
        }
    }

    /// Puts the policy in force that these settings and those of all updates before come to; returns which was in force
    /// before, and which is now. If there is none, nothing changes.
    ///
    /// `settle` is given all settings of updates, and the policies that are known.
    pub(crate) fn update<E>(
        &self,
        settings: Settings,
        settle: impl FnOnce(Settings, &[&Arc<Policy>]) -> Result<Policy, E>,
    ) -> Result<(Arc<Policy>, Arc<Policy>), E> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current().into_owned();
        let updates = settings.or(before.updates.clone());
        // All else that a policy comes from stays.
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

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        1 + self.last.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The policy that is in force where this was made.
#[derive(Clone)]
pub(crate) enum InForce<'t> {
    First(&'t Arc<Policy>),
    Later(Arc<Policy>),
}

impl InForce<'_> {
    /// The same for longer than its throttle.
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
