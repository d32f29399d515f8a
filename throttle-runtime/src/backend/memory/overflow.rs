//! States that do not fit into a cell of a page: states with lists, and states that end too far in the
//! future.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard};

use crate::strategy::State;
use crate::util::sync;

/// States by number. The cell contains the number instead of the state. Callers hold the lock of the page.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    shards: [Mutex<Shard>; SHARDS],
    next: AtomicU64,
    /// Bytes of all shards.
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    states: HashMap<u64, State>,
    /// Bytes of the lists.
    lists: usize,
}

const SHARDS: usize = 16;

/// Bytes for each state that a map has capacity for. A map keeps an eighth of its entries free, and has one
/// control byte for each.
const PLACE: usize = (size_of::<(u64, State)>() + 1) * 8 / 7 + 1;

/// Bytes of overhead of an allocation.
const ALLOCATION: usize = 16;

/// A map shrinks when its length is below one part in `SPARSE` of its capacity.
const SPARSE: usize = 4;
const SMALL: usize = 64;

impl Spilled {
    /// Stores a state under a new number.
    pub(super) fn add(&self, state: State) -> u64 {
        let number = self.next.fetch_add(1, Relaxed);
        self.set(number, state);
        number
    }

    pub(super) fn set(&self, number: u64, state: State) {
        self.change(number, |shard| {
            shard.lists += of_list(&state);
            let old = shard.states.insert(number, state);
            shard.lists -= old.as_ref().map_or(0, of_list);
        });
    }

    /// Calls `look` with a state, and returns its result.
    pub(super) fn look<T>(&self, number: u64, look: impl FnOnce(&State) -> T) -> T {
        look(self.shard(number).states.get(&number).unwrap_or(&State::EMPTY))
    }

    pub(super) fn remove(&self, number: u64) -> State {
        self.change(number, |shard| {
            let state = shard.states.remove(&number).unwrap_or_default();
            shard.lists -= of_list(&state);
            let (len, room) = (shard.states.len(), shard.states.capacity());
            if room > SMALL && len < room / SPARSE {
                shard.states.shrink_to(len * 2);
            }
            state
        })
    }

    /// Returns the number of states.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        (0..SHARDS as u64).map(|number| self.shard(number).states.len()).sum()
    }

    /// Bytes that are allocated.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn change<T>(&self, number: u64, change: impl FnOnce(&mut Shard) -> T) -> T {
        let mut shard = self.shard(number);
        let before = shard.bytes();
        let result = change(&mut shard);
        // A negative difference wraps around, as intended.
        self.bytes.fetch_add(shard.bytes().wrapping_sub(before), Relaxed);
        result
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the number of shards")]
    fn shard(&self, number: u64) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(number % SHARDS as u64) as usize];
        sync::lock(shard)
    }
}

impl Shard {
    fn bytes(&self) -> usize {
        self.states.capacity() * PLACE + self.lists
    }
}

fn of_list(state: &State) -> usize {
    if state.list().is_empty() { 0 } else { size_of_val(state.list()) + ALLOCATION }
}
