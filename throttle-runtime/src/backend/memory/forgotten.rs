//! What is left of identities that had to make room: of each domain the greatest state that was forgotten.
//!
//! Whoever is not in the table may be one of them, so newcomers begin with it. As in the Space-Saving
//! algorithm (A. Metwally, D. Agrawal, A. El Abbadi, 2005) nobody is ever taken for having used less than he
//! has, and since the least states are forgotten, what newcomers inherit is small.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::strategy::State;

#[derive(Debug, Default)]
pub(super) struct Forgotten {
    /// As good as always empty, which is seen without the lock.
    domains: AtomicUsize,
    greatest: Mutex<HashMap<u16, State>>,
}

impl Forgotten {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.domains.load(Relaxed) == 0
    }

    pub(super) fn add(&self, domain: u16, state: State) {
        let mut greatest = self.lock();
        let known = greatest.entry(domain).or_default();
        if *known < state {
            *known = state;
        }
        self.domains.store(greatest.len(), Relaxed);
    }

    /// What a newcomer of the domain begins with.
    pub(super) fn get(&self, domain: u16, now: u64) -> State {
        if self.is_empty() {
            return State::EMPTY;
        }
        let mut greatest = self.lock();
        let state = greatest.get(&domain).cloned().unwrap_or_default();
        if state.until() > now {
            return state;
        }
        greatest.remove(&domain);
        self.domains.store(greatest.len(), Relaxed);
        State::EMPTY
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
        self.domains.store(0, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, State>> {
        self.greatest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
