//! Counts the requests in flight of each identity. An identity is stored only while at least one of its
//! requests is in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry::{Occupied, Vacant};

use super::{Engine, Memory};
use crate::NowOrLater;
use crate::backend::{ConcurrencyPermit, ConcurrencyStore, PermitRequest, Reply};
use crate::strategy::{FixedWindow, Strategy};
use crate::util::fingerprint::Domain;

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
    fn take(&self, id: u128, limit: u32) -> bool {
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

    fn leave(&self, id: u128) {
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
        self.0[shard].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.0.lock().map_or(0, |counts| counts.len())).sum()
    }
}

/// A permit of a request in flight.
#[derive(Debug)]
pub(in crate::backend) struct Taken {
    engine: Arc<Engine>,
    id: u128,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.engine.in_flight.leave(self.id);
    }
}

impl ConcurrencyStore for Memory {
    /// Permits in memory end with the process, so the lease is ignored.
    fn try_acquire<'a>(&'a self, request: &'a PermitRequest<'a>) -> Reply<'a, Option<ConcurrencyPermit>> {
        let engine = &self.0;
        // Permits are separate from all states, so any domain of the scope works.
        let id = engine.secret.fingerprint(Domain::new(request.scope, FixedWindow.name(), &[]), request.key);
        let taken = engine.in_flight.take(id, request.limit);
        NowOrLater::now(Ok(
            taken.then(|| ConcurrencyPermit::in_memory(Taken { engine: Arc::clone(engine), id }))
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::{ConcurrencyPermit, ConcurrencyStore, Memory, PermitRequest};
    use crate::Key;

    /// The number of clients, and of iterations per thread. Miri is a thousand times slower.
    const MANY: u32 = if cfg!(miri) { 12 } else { 2_000 };

    fn memory() -> Memory {
        Memory::builder().max_keys(64).build()
    }

    fn take(memory: &Memory, key: &Key, limit: u32) -> Option<ConcurrencyPermit> {
        let place = PermitRequest::new("t", key, limit, Duration::from_secs(60));
        memory.try_acquire(&place).ready().expect("at once").expect("no error")
    }

    #[test]
    fn identities_are_known_as_long_as_they_are_in_flight() {
        let memory = memory();
        let keys: Vec<Key> = (0..MANY).map(Key::from).collect();
        let all: Vec<_> =
            keys.iter().flat_map(|key| [take(&memory, key, 2), take(&memory, key, 2)]).collect();
        assert!(all.iter().all(Option::is_some) && keys.iter().all(|key| take(&memory, key, 2).is_none()));
        assert_eq!((memory.0.in_flight.len(), memory.len()), (MANY as usize, 0));
        assert!(take(&memory, &"nobody".into(), 0).is_none());
        drop(all);
        assert_eq!(memory.0.in_flight.len(), 0);
    }

    #[test]
    fn threads_never_hold_more_places_than_there_are() {
        let (memory, key, held) = (memory(), Key::from("a"), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..MANY {
                        let Some(place) = take(&memory, &key, 3) else { continue };
                        assert!(held.fetch_add(1, Ordering::SeqCst) < 3);
                        held.fetch_sub(1, Ordering::SeqCst);
                        drop(place);
                    }
                });
            }
        });
        assert_eq!(memory.0.in_flight.len(), 0);
    }
}
