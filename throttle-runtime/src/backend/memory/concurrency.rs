//! Concurrency limits of the memory backend: permits that are released when they are dropped.

use std::sync::Arc;

use super::Memory;
use super::engine::Taken;
use crate::backend::{ConcurrencyPermit, ConcurrencyStore, PermitRequest, Reply};
use crate::strategy::{FixedWindow, Strategy};
use crate::util::fingerprint::Domain;
use crate::util::now_or_later::NowOrLater;

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
    use crate::key::Key;

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
