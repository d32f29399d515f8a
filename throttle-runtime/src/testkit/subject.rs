//! A store or a backend under test.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Store, StoreBackend};
use crate::clock::{Clock, ManualClock};
use crate::util::random;

/// A store or a backend under test.
///
/// ```
/// use throttle::{ManualClock, backend::Memory, testkit::Subject};
///
/// let clock = ManualClock::new();
/// let memory = Memory::builder().clock(clock.clone()).build();
/// let subject = Subject::new(memory).clock(clock);
/// assert!(subject.get().is_empty());
/// ```
pub struct Subject<T> {
    it: Arc<T>,
    clock: Option<ManualClock>,
    name: String,
}

impl<T> Subject<T> {
    /// Creates a subject without a clock: tests wait until the time has passed.
    pub fn new(it: T) -> Self {
        Self { it: Arc::new(it), clock: None, name: format!("kit-{:016x}", random::number()) }
    }

    /// Sets the clock of the subject. Tests advance it instead of waiting.
    ///
    /// # Default
    ///
    /// No clock.
    #[must_use]
    pub fn clock(self, clock: ManualClock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Returns the store or the backend.
    pub const fn get(&self) -> &Arc<T> {
        &self.it
    }

    /// Returns a name that nothing else has.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns a key that nothing else has.
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
    /// Creates the backend on this store, in a namespace of its own.
    #[doc(hidden)]
    pub fn into_backend(self) -> Subject<StoreBackend<S>> {
        Subject { it: Arc::new(self.stored()), clock: self.clock, name: self.name }
    }

    /// Creates a backend on this store. Each call creates a new one, as if in another process.
    pub(super) fn stored(&self) -> StoreBackend<S> {
        let stored = StoreBackend::shared(Arc::clone(&self.it)).namespace(&self.name);
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
