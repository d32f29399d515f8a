//! A store as its backend calls it: never for longer than a lock lasts, and with errors of one type.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::turns::Turns;
use crate::{BackendError, Clock, deadline};

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

    /// Waits for an answer of the store, for half as long as a lock lasts: what begins in the first half of a
    /// lock has then ended before the lock does. Locks expire while this process is paused, too; a store that compares
    /// and sets has none.
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

    pub(super) fn half_life(&self) -> Duration {
        self.lock_ttl / 2
    }
}

/// The error of a store, which stays what it is if it says all already.
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
