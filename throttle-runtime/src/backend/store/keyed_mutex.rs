//! Queues this process's decisions on one identity before the store. Alone because it calls no store.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The number of mutexes. Some identities share a mutex.
const PLACES: u64 = 256;

pub(super) struct Turns {
    places: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
}

/// The turn of one decision. It ends when this value is dropped.
pub(super) type Turn = SmallVec<[OwnedMutexGuard<()>; 1]>;

impl Turns {
    pub(super) fn new() -> Self {
        Self { places: (0..PLACES).map(|_| Arc::default()).collect(), hasher: RandomState::new() }
    }

    /// Waits for the mutexes of all these names.
    pub(super) async fn wait(&self, names: &[String]) -> Turn {
        let place = |name: &String| usize::try_from(self.hasher.hash_one(name) % PLACES).unwrap_or_default();
        let mut places: SmallVec<[usize; 4]> = names.iter().map(place).collect();
        // All decisions lock the mutexes in the same order, so that no deadlock is possible.
        places.sort_unstable();
        places.dedup();
        let mut turn = Turn::new();
        for place in places {
            turn.push(Arc::clone(&self.places[place]).lock_owned().await);
        }
        turn
    }
}
