//! Counts the requests in flight of each identity. An identity is stored only while at least one of its
//! requests is in flight.

use std::sync::{Mutex, MutexGuard};

use crate::util::sync;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry::{Occupied, Vacant};

/// The number of requests in flight by identity. Identities in different shards do not wait for each other.
#[derive(Debug)]
pub(super) struct InFlight([Shard; SHARDS]);

const SHARDS: usize = 32;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<HashTable<Count>>);

/// The number of requests of one identity, never 0.
#[derive(Debug)]
struct Count {
    id: u128,
    requests: u32,
}

impl Count {
    /// The identity is already a hash.
    #[expect(clippy::cast_possible_truncation, reason = "that many bits are asked for")]
    const fn hash(&self) -> u64 {
        self.id as u64
    }
}

impl InFlight {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Shard::default()))
    }

    /// Takes a permit. Returns `false` if all permits are in use.
    pub(super) fn take(&self, id: u128, limit: u32) -> bool {
        let mut counts = self.shard(id);
        let new = Count { id, requests: 1 };
        match counts.entry(new.hash(), |count| count.id == id, Count::hash) {
            Occupied(known) if known.get().requests >= limit => false,
            Occupied(mut known) => {
                known.get_mut().requests += 1;
                true
            }
            Vacant(_) if limit == 0 => false,
            Vacant(free) => {
                free.insert(new);
                true
            }
        }
    }

    pub(super) fn leave(&self, id: u128) {
        let mut counts = self.shard(id);
        let hash = Count { id, requests: 0 }.hash();
        if let Ok(mut known) = counts.find_entry(hash, |count| count.id == id) {
            known.get_mut().requests -= 1;
            if known.get().requests == 0 {
                known.remove();
            }
        }
    }

    fn shard(&self, id: u128) -> MutexGuard<'_, HashTable<Count>> {
        // Uses other bits than the hash table uses to find its entries.
        let shard = (id >> 120) as usize % SHARDS;
        sync::lock(&self.0[shard].0)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.0.lock().map_or(0, |counts| counts.len())).sum()
    }
}
