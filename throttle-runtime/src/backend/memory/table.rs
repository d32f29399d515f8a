//! One part of the memory backend: fingerprints and their states, bounded.

use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::strategy::State;

#[derive(Debug)]
struct Entry {
    fingerprint: u128,
    /// One state per limit; most throttles have one.
    states: SmallVec<[State; 1]>,
    /// The time after which the states say no more than no states, in microseconds since the Unix epoch.
    expires: u64,
}

/// A hash table that reclaims what has expired whenever it is about to grow.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashTable<Entry>,
    max: usize,
}

impl Table {
    pub(super) const fn new(max: usize) -> Self {
        Self { entries: HashTable::new(), max }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, fingerprint: u128) -> Option<&[State]> {
        let entry = self.entries.find(hash(fingerprint), |entry| entry.fingerprint == fingerprint)?;
        Some(&entry.states)
    }

    pub(super) fn get_mut(&mut self, fingerprint: u128) -> Option<&mut [State]> {
        let entry = self.entries.find_mut(hash(fingerprint), |entry| entry.fingerprint == fingerprint)?;
        Some(&mut entry.states)
    }

    /// Stores the states; answers whether a live entry had to make room.
    pub(super) fn insert(
        &mut self,
        fingerprint: u128,
        states: impl IntoIterator<Item = State>,
        expires: u64,
        now: u64,
    ) -> bool {
        let known = |entry: &Entry| entry.fingerprint == fingerprint;
        if let Some(entry) = self.entries.find_mut(hash(fingerprint), known) {
            entry.states.clear();
            entry.states.extend(states);
            entry.expires = expires;
            return false;
        }
        let evicted = self.make_room(now);
        let entry = Entry { fingerprint, states: states.into_iter().collect(), expires };
        self.entries.insert_unique(hash(fingerprint), entry, |entry| hash(entry.fingerprint));
        evicted
    }

    pub(super) fn clear(&mut self) {
        self.entries = HashTable::new();
    }

    /// Drops what has expired before the table would grow, so the cost is spread over the inserts since.
    fn make_room(&mut self, now: u64) -> bool {
        let full = self.entries.len() >= self.max;
        if full || self.entries.len() == self.entries.capacity() {
            self.entries.retain(|entry| entry.expires > now);
        }
        if self.entries.len() < self.max {
            return false;
        }
        let soonest = self.entries.iter().min_by_key(|entry| entry.expires).map(|entry| entry.fingerprint);
        soonest.is_some_and(|fingerprint| self.remove(fingerprint))
    }

    fn remove(&mut self, fingerprint: u128) -> bool {
        let found = self.entries.find_entry(hash(fingerprint), |entry| entry.fingerprint == fingerprint);
        found.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
    }
}

/// The fingerprint is a keyed hash already; its low bits pick the shard, so the high half is taken here.
const fn hash(fingerprint: u128) -> u64 {
    (fingerprint >> 64) as u64
}
