//! Calls to a store, with a timeout that depends on the lifetime of locks, and with one error type.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::keyed_mutex::Turns;
use super::record::Record;
use super::slot::Slot;
use crate::clock::Clock;
use crate::error::BackendError;
use crate::util::deadline;

pub(super) struct Client<S> {
    pub(super) store: Arc<S>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) lock_ttl: Duration,
    pub(super) turns: Turns,
}

impl<S: Store> Client<S> {
    pub(super) fn new(store: Arc<S>, clock: Arc<dyn Clock>, lock_ttl: Duration) -> Self {
        Self { store, clock, lock_ttl, turns: Turns::new() }
    }

    /// Waits for a reply of the store, for at most half of a lock's lifetime. A call that begins in the first
    /// half of a lock's lifetime therefore ends before the lock expires. The timeout includes pauses of this
    /// process, because locks expire during a pause too. A store with compare-and-set has no locks, so its
    /// timeout excludes pauses.
    pub(super) async fn call<T>(
        &self,
        answer: impl Future<Output = Result<T, S::Error>> + Send,
    ) -> Result<T, BackendError> {
        let limit = self.half_life();
        let answer = if S::COMPARE_AND_SET {
            deadline::timeout(limit, answer).await?
        } else {
            deadline::timeout_by_clock(limit, answer).await?
        };
        answer.map_err(wrap::<S>)
    }

    /// Reads the records of these slots, whether they are held or not.
    pub(super) async fn read(&self, slots: &[Slot]) -> Result<Vec<Record>, BackendError> {
        let keys: Vec<&str> = slots.iter().map(|slot| slot.key.as_str()).collect();
        let values = self.call(self.store.multi_get(&keys)).await.map_err(BackendError::safe_to_retry)?;
        let (mut values, now) = (values.into_iter(), self.clock.now());
        Ok(slots.iter().map(|slot| slot.read(values.next().flatten().as_deref(), now).0).collect())
    }

    pub(super) fn half_life(&self) -> Duration {
        self.lock_ttl / 2
    }
}

/// Converts the error of a store. An error that is already a `BackendError` is returned unchanged.
pub(super) fn wrap<S: Store>(error: S::Error) -> BackendError {
    let kind = S::kind(&error);
    let error: Box<dyn Error + Send + Sync> = Box::new(error);
    match error.downcast::<BackendError>() {
        Ok(error) => *error,
        Err(source) => BackendError::with_source(kind, "the store failed", source),
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("clock", &self.clock).finish_non_exhaustive()
    }
}
