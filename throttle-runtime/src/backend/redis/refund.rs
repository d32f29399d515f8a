//! Refunds of charges, and resets of single identities, by compare-and-set.

use std::sync::{Arc, Mutex};

use super::backoff::step_aside;
use super::codec;
use super::compare_and_set::{MAX_ATTEMPTS, StoredStates, contended};
use super::engine::Engine;
use super::partition::Partition;
use super::request::{Request, States};
use crate::backend::Mark;
use crate::error::BackendError;
use crate::strategy::State;
use crate::util::sync;

/// Computes new states at a time.
type Change<'a> = &'a (dyn Fn(&States, u64) -> States + Send + Sync);

impl Engine {
    pub(super) async fn refund(&self, request: &Request<'_>, charged_at: u64) -> Result<(), BackendError> {
        self.amend(request, &|states, at| request.refund(states, at, charged_at, &self.resets)).await
    }

    pub(super) async fn forget(&self, request: &Request<'_>) -> Result<(), BackendError> {
        // Only the marks of the last attempt count.
        let marks = Mutex::new(vec![Mark::default(); request.charges().len()]);
        let change = |states: &States, at: u64| {
            let mut marks = sync::lock(&marks);
            request.forget(states, at, &mut marks)
        };
        self.amend(request, &change).await?;
        for (charge, mark) in request.charges().iter().zip(marks.into_inner().unwrap_or_default()) {
            self.resets.record(charge, mark);
        }
        Ok(())
    }

    /// Changes states in favour of their identities: a refund or a reset.
    async fn amend(&self, request: &Request<'_>, change: Change<'_>) -> Result<(), BackendError> {
        if request.limits.is_empty() {
            return Ok(());
        }
        for partition in self.router.split(&request.keys) {
            if partition.indexes.iter().all(|index| Some(*index) == request.global_mark) {
                continue;
            }
            // The states of another hash slot may have been changed already.
            self.amend_partition(request, &partition, change).await.map_err(BackendError::in_doubt)?;
        }
        if let Some(deny_cache) = &self.deny_cache {
            deny_cache.invalidate(&request.fingerprints);
        }
        Ok(())
    }

    async fn amend_partition(
        &self,
        request: &Request<'_>,
        partition: &Partition,
        change: Change<'_>,
    ) -> Result<(), BackendError> {
        for attempt in 0..MAX_ATTEMPTS {
            let StoredStates { at, stored, is_held } = self.read(partition).await?;
            let mut states: States = request.keys.iter().map(|_| State::EMPTY).collect();
            for (&index, bytes) in partition.indexes.iter().zip(&stored) {
                states[index] = codec::decode(bytes);
            }
            // The reset mark is read after the states: states that a reset has ended meanwhile must not be
            // written.
            if let Some(mark) = request.global_mark.filter(|mark| !partition.indexes.contains(mark)) {
                states[mark] = self.read_one(&request.keys[mark]).await?;
            }
            let after = change(&states, at);
            // Unchanged states are not written. This includes identities without any usage.
            if after == states && !is_held {
                return Ok(());
            }
            let after: States = partition.indexes.iter().map(|index| after[*index].clone()).collect();
            if !is_held && self.write(partition, &stored, &after, at).await? {
                return Ok(());
            }
            step_aside(attempt).await;
        }
        Err(contended())
    }

    /// Reads the state at one key, in any hash slot.
    async fn read_one(&self, key: &Arc<str>) -> Result<State, BackendError> {
        let found = self.read(&self.partition_of(key)).await?;
        Ok(found.stored.first().map_or(State::EMPTY, |bytes| codec::decode(bytes)))
    }
}
