//! A store or a backend under test.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Store, Stored};
use crate::random;
use crate::{Clock, ManualClock};

/// A store or a backend under test.
pub struct Subject<T> {
    it: Arc<T>,
    clock: Option<ManualClock>,
    name: String,
}

impl<T> Subject<T> {
    /// A subject whose time passes by itself.
    pub fn new(it: T) -> Self {
        Self { it: Arc::new(it), clock: None, name: format!("kit-{:016x}", random::number()) }
    }

    /// A subject that lives by this clock, which tests then move instead of waiting.
    #[must_use]
    pub fn clock(self, clock: ManualClock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The store or the backend.
    pub const fn get(&self) -> &Arc<T> {
        &self.it
    }

    /// A name that nothing else has.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A key that nothing else has.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}:{key}", self.name)
    }

    pub(super) async fn pass(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => tokio::time::sleep(time).await,
        }
    }
}

impl<S: Store> Subject<S> {
    /// The backend that a store becomes, in a namespace of its own.
    #[doc(hidden)]
    pub fn into_backend(self) -> Subject<Stored<S>> {
        Subject { it: Arc::new(self.stored()), clock: self.clock, name: self.name }
    }

    /// A backend on this store: another one each time, as if in another process.
    pub(super) fn stored(&self) -> Stored<S> {
        let stored = Stored::shared(Arc::clone(&self.it)).namespace(&self.name);
        match &self.clock {
            Some(clock) => stored.clock(clock.clone()),
            None => stored,
        }
    }
}

impl<T> fmt::Debug for Subject<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.clock.as_ref().map(Clock::now);
        f.debug_struct("Subject").field("name", &self.name).field("time", &time).finish_non_exhaustive()
    }
}
