//! Exclusive holds on states in several hash slots, until the value is dropped.
//!
//! Work that must not be interrupted runs in separate tasks. If a decision is dropped, no hold remains, and
//! either all hash slots are charged or none.
//!
//! A hold is a part of the stored state, and not a key of its own. With a separate key, every call would need
//! two keys, which a cluster rejects while a hash slot is being migrated. Other writers wait for the hold, and
//! queries ignore it. A hold expires after a second, by the clock of the node, and the write begins in the
//! first half of that time.

use std::sync::Arc;
use std::time::Instant;

use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::commit::{HeldPartition, expired, write_all};
use crate::backend::redis::backoff::step_aside;
use crate::backend::redis::codec;
use crate::backend::redis::codec::stored_bytes;
use crate::backend::redis::errors::unexpected_reply;
use crate::backend::redis::partition::Partition;
use crate::backend::redis::request::States;
use crate::backend::redis::router::Router;
use crate::backend::redis::scripts::HOLD;
use crate::clock::Clock;
use crate::error::{BackendError, ErrorKind};
use crate::util::random;

/// States that only this decision may change.
pub(super) struct Hold {
    router: Router,
    clock: Option<Arc<dyn Clock>>,
    since: Instant,
    /// The latest time that a server reported.
    at: u64,
    held: Vec<HeldPartition>,
}

impl Hold {
    /// Holds all states, as soon as no other decision holds them. All decisions hold hash slots in the same
    /// order, so they cannot deadlock.
    pub(super) async fn acquire(
        router: &Router,
        clock: Option<&Arc<dyn Clock>>,
        partitions: Vec<Partition>,
    ) -> Result<Self, BackendError> {
        // A hold charges nothing.
        Self::try_acquire(router, clock, partitions).await.map_err(BackendError::safe_to_retry)
    }

    async fn try_acquire(
        router: &Router,
        clock: Option<&Arc<dyn Clock>>,
        partitions: Vec<Partition>,
    ) -> Result<Self, BackendError> {
        let (caller, acquired) = oneshot::channel();
        let (since, held) = (Instant::now(), Vec::new());
        let mut hold = Self { router: router.clone(), clock: clock.cloned(), since, at: 0, held };
        spawn(async move {
            for partition in partitions {
                if let Err(error) = hold.acquire_one(partition, || caller.is_closed()).await {
                    // The caller receives the error. The holds that were taken end when `hold` is dropped here.
                    drop(caller.send(Err(error)));
                    return;
                }
            }
            // If the caller has given up, `send` returns the holds, and they end here.
            drop(caller.send(Ok(hold)));
        })?;
        acquired.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn acquire_one(
        &mut self,
        partition: Partition,
        is_dropped: impl Fn() -> bool,
    ) -> Result<(), BackendError> {
        let token = random::number().to_be_bytes();
        for attempt in 0.. {
            if is_dropped() || self.is_late() {
                break;
            }
            let run = self.router.run(&HOLD, &partition, |command| {
                command.arg(&token[..]);
            });
            let reply = timeout(codec::HOLD_DURATION / 2, run).await.map_err(|_| expired())??;
            let Value::Array(reply) = reply else { return Err(unexpected_reply()) };
            match reply.as_slice() {
                [Value::Int(_)] => step_aside(attempt).await,
                [Value::Int(at), stored @ ..] if stored.len() == partition.keys.len() => {
                    let stored = stored.iter().map(|value| stored_bytes(value).map(<[u8]>::to_vec));
                    let stored = stored.collect::<Option<_>>().ok_or_else(unexpected_reply)?;
                    self.at = self.at.max(u64::try_from(*at).map_err(|_| unexpected_reply())?);
                    self.held.push(HeldPartition { partition, stored });
                    return Ok(());
                }
                _ => return Err(unexpected_reply()),
            }
        }
        Err(expired())
    }

    /// Returns the time of the decision.
    pub(super) fn at(&self) -> u64 {
        self.clock.as_ref().map_or(self.at, Clock::now)
    }

    /// Returns the states in the order of the request's keys.
    pub(super) fn states(&self) -> States {
        let stored = self.held.iter().flat_map(|held| held.partition.indexes.iter().zip(&held.stored));
        let mut states: Vec<_> = stored.map(|(index, stored)| (*index, codec::decode(stored))).collect();
        states.sort_unstable_by_key(|(index, _)| *index);
        states.into_iter().map(|(_, state)| state).collect()
    }

    /// Writes the new states, in all hash slots or in none.
    pub(super) async fn commit(mut self, after: &States, at: u64) -> Result<(), BackendError> {
        // If the write took longer, another decision could hold the states before it arrives.
        if self.is_late() {
            return Err(expired().safe_to_retry());
        }
        let states_of = |partition: &Partition| {
            partition.indexes.iter().filter_map(|index| after.get(*index).cloned()).collect()
        };
        let changes = self.held.drain(..).map(|held| (states_of(&held.partition), held)).collect();
        let (router, is_forced) = (self.router.clone(), self.clock.is_some());
        let committed = spawn(async move { write_all(&router, changes, at, is_forced).await });
        let committed = committed.map_err(BackendError::safe_to_retry)?;
        committed.await.unwrap_or_else(|_| Err(interrupted()))
    }

    fn is_late(&self) -> bool {
        self.since.elapsed() >= codec::HOLD_DURATION / 2
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let (at, is_forced, router) = (self.at(), self.clock.is_some(), self.router.clone());
        let unchanged = self.held.drain(..).map(|held| (held.unchanged(), held)).collect();
        // Without a runtime, or if the writes fail, the holds end by their timeout.
        let _ = spawn(async move { write_all(&router, unchanged, at, is_forced).await });
    }
}

fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>, BackendError> {
    let handle = Handle::try_current().map_err(|error| {
        BackendError::with_source(ErrorKind::Store, "Redis calls need a tokio runtime", error)
    })?;
    Ok(handle.spawn(task))
}

/// The error if the runtime ended.
fn interrupted() -> BackendError {
    BackendError::new(ErrorKind::Connection, "the task that called Redis ended early")
}
