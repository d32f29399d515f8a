//! One part of the memory backend: fingerprints and their states, bounded.

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;
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

/// A hash table that reclaims a little of what has expired with every insert.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashTable<Entry>,
    max: usize,
    /// The place that was looked at last.
    cursor: usize,
}

impl Table {
    pub(super) const fn new(max: usize) -> Self {
        Self { entries: HashTable::new(), max, cursor: 0 }
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

    /// Drops what has expired in the next few places, and evicts if there is still no room. Every insert does
    /// so little of it that none is slow, and more of it than there are inserts.
    fn make_room(&mut self, now: u64) -> bool {
        let mut evict: Option<(u64, usize)> = None;
        let places = self.entries.num_buckets();
        let full = |entries: &HashTable<Entry>| entries.len() >= self.max;
        for seen in 0..places {
            if seen >= SWEEP && !(full(&self.entries) && evict.is_none()) {
                break;
            }
            self.cursor = (self.cursor + 1) % places;
            if let Ok(place) = self.entries.get_bucket_entry(self.cursor) {
                let expires = place.get().expires;
                if expires <= now {
                    place.remove();
                } else if evict.is_none_or(|(soonest, _)| expires < soonest) {
                    evict = Some((expires, self.cursor));
                }
            }
        }
        if !full(&self.entries) {
            return false;
        }
        let evicted = evict.and_then(|(_, place)| self.entries.get_bucket_entry(place).ok());
        evicted.map(OccupiedEntry::remove).is_some()
    }
}

/// How many places an insert looks at.
const SWEEP: usize = 16;

/// The fingerprint is a keyed hash already; its low bits pick the shard, so the high half is taken here.
const fn hash(fingerprint: u128) -> u64 {
    (fingerprint >> 64) as u64
}
