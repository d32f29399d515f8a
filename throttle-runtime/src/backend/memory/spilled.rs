//! States that do not fit into a place: those with lists, and times too far away.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::strategy::State;

/// States by a number that stands in their place. Whoever asks holds the lock of the place.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    shards: [Mutex<HashMap<u64, State>>; SHARDS],
    next: AtomicU64,
}

const SHARDS: usize = 16;

impl Spilled {
    /// Keeps a state under a new number.
    pub(super) fn add(&self, state: State) -> u64 {
        let number = self.next.fetch_add(1, Relaxed);
        self.set(number, state);
        number
    }

    pub(super) fn set(&self, number: u64, state: State) {
        self.shard(number).insert(number, state);
    }

    pub(super) fn get(&self, number: u64) -> State {
        self.shard(number).get(&number).cloned().unwrap_or_default()
    }

    pub(super) fn remove(&self, number: u64) -> State {
        self.shard(number).remove(&number).unwrap_or_default()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        (0..SHARDS as u64).map(|number| self.shard(number).len()).sum()
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |states: &HashMap<u64, State>| {
            let lists: usize = states.values().map(|state| size_of_val(state.list())).sum();
            states.capacity() * size_of::<(u64, State)>() + lists
        };
        (0..SHARDS as u64).map(|number| bytes(&self.shard(number))).sum()
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the number of shards")]
    fn shard(&self, number: u64) -> MutexGuard<'_, HashMap<u64, State>> {
        let shard = &self.shards[(number % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
