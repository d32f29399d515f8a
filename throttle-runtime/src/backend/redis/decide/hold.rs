//! Exclusive holds on states in several hash slots, until the value is dropped.
//!
//! Work that must not be interrupted runs in separate tasks. If a decision is dropped, no hold remains, and
//! either all hash slots are charged or none.

use std::sync::Arc;
use std::time::Instant;

use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::commit::{Place, lost, store_all};
use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::codec;
use crate::backend::redis::codec::bytes;
use crate::backend::redis::errors::nonsense;
use crate::backend::redis::partition::Partition;
use crate::backend::redis::request::States;
use crate::backend::redis::router::Servers;
use crate::backend::redis::scripts::HOLD;
use crate::clock::Clock;
use crate::util::random;
use crate::{BackendError, ErrorKind};

/// States that only this decision may change.
pub(super) struct Held {
    servers: Servers,
    clock: Option<Arc<dyn Clock>>,
    since: Instant,
    /// The latest time that a server reported.
    at: u64,
    places: Vec<Place>,
}

impl Held {
    /// Holds all states, as soon as no other decision holds them. All decisions hold hash slots in the same
    /// order, so they cannot deadlock.
    pub(super) async fn take(
        servers: &Servers,
        clock: Option<&Arc<dyn Clock>>,
        partitions: Vec<Partition>,
    ) -> Result<Self, BackendError> {
        // A hold charges nothing.
        Self::try_take(servers, clock, partitions).await.map_err(BackendError::nothing_charged)
    }

    async fn try_take(
        servers: &Servers,
        clock: Option<&Arc<dyn Clock>>,
        partitions: Vec<Partition>,
    ) -> Result<Self, BackendError> {
        let (caller, answer) = oneshot::channel();
        let (since, places) = (Instant::now(), Vec::new());
        let mut held = Self { servers: servers.clone(), clock: clock.cloned(), since, at: 0, places };
        spawn(async move {
            for partition in partitions {
                if let Err(error) = held.take_one(partition, || caller.is_closed()).await {
                    // The caller receives the error. The holds that were taken end when `held` is dropped here.
                    drop(caller.send(Err(error)));
                    return;
                }
            }
            // If the caller has given up, `send` returns the holds, and they end here.
            drop(caller.send(Ok(held)));
        })?;
        answer.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn take_one(
        &mut self,
        partition: Partition,
        is_dropped: impl Fn() -> bool,
    ) -> Result<(), BackendError> {
        let token = random::number().to_be_bytes();
        for attempt in 0.. {
            if is_dropped() || self.is_late() {
                break;
            }
            let run = self.servers.run(&HOLD, &partition, |command| {
                command.arg(&token[..]);
            });
            let answer = timeout(codec::HOLD / 2, run).await.map_err(|_| lost())??;
            let Value::Array(answer) = answer else { return Err(nonsense()) };
            match answer.as_slice() {
                [Value::Int(_)] => step_aside(attempt).await,
                [Value::Int(at), stored @ ..] if stored.len() == partition.keys.len() => {
                    let stored = stored.iter().map(|value| bytes(value).map(<[u8]>::to_vec));
                    let stored = stored.collect::<Option<_>>().ok_or_else(nonsense)?;
                    self.at = self.at.max(u64::try_from(*at).map_err(|_| nonsense())?);
                    self.places.push(Place { partition, stored });
                    return Ok(());
                }
                _ => return Err(nonsense()),
            }
        }
        Err(lost())
    }

    /// Returns the time of the decision.
    pub(super) fn at(&self) -> u64 {
        self.clock.as_ref().map_or(self.at, Clock::now)
    }

    /// Returns the states in the order of the request's names.
    pub(super) fn states(&self) -> States {
        let places = self.places.iter().flat_map(|place| place.partition.indexes.iter().zip(&place.stored));
        let mut states: Vec<_> = places.map(|(index, stored)| (*index, codec::decode(stored))).collect();
        states.sort_unstable_by_key(|(index, _)| *index);
        states.into_iter().map(|(_, state)| state).collect()
    }

    /// Writes the new states, in all hash slots or in none.
    pub(super) async fn store(mut self, after: &States, at: u64) -> Result<(), BackendError> {
        // If the write took longer, another decision could hold the states before it arrives.
        if self.is_late() {
            return Err(lost().nothing_charged());
        }
        let of = |partition: &Partition| {
            partition.indexes.iter().filter_map(|index| after.get(*index).cloned()).collect()
        };
        let changes = self.places.drain(..).map(|place| (of(&place.partition), place)).collect();
        let (servers, is_forced) = (self.servers.clone(), self.clock.is_some());
        let stored = spawn(async move { store_all(&servers, changes, at, is_forced).await });
        let stored = stored.map_err(BackendError::nothing_charged)?;
        stored.await.unwrap_or_else(|_| Err(interrupted()))
    }

    fn is_late(&self) -> bool {
        self.since.elapsed() >= codec::HOLD / 2
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.places.is_empty() {
            return;
        }
        let (at, is_forced, servers) = (self.at(), self.clock.is_some(), self.servers.clone());
        let unchanged = self.places.drain(..).map(|place| (place.before(), place)).collect();
        // Without a runtime, or if the writes fail, the holds end by their timeout.
        let _ = spawn(async move { store_all(&servers, unchanged, at, is_forced).await });
    }
}

fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>, BackendError> {
    let handle = Handle::try_current().map_err(|error| {
        BackendError::with_source(ErrorKind::Store, "Redis is asked within a tokio runtime only", error)
    })?;
    Ok(handle.spawn(task))
}

/// The error if the runtime ended.
fn interrupted() -> BackendError {
    BackendError::new(ErrorKind::Connection, "the task that asked Redis did not end")
}
