//! A live breaker: the handle that requests and operators use.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use super::circuit::Circuit;
use super::remote_opening::Opening;
use super::{CircuitBreaker, Snapshot, Transition};
use crate::clock::Clock;
use crate::util::audit;

/// A live circuit breaker. Clones share the same state.
///
/// ```
/// use throttle::Breaker;
///
/// fn describe(breaker: &Breaker) -> String {
///     let info = breaker.snapshot();
///     format!("{} is {} after {} failures", breaker.name(), info.state, info.failures)
/// }
/// ```
#[derive(Clone)]
pub struct Breaker(pub(super) Arc<Circuit>);

impl Breaker {
    /// Returns the [chosen](CircuitBreaker::named) name, or else the file and line of the settings.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Returns a snapshot of the state and the counters. It takes no lock.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Opens the breaker until [`force_close`](Self::force_close) is called, for example for maintenance of a
    /// backend. The recovery time does not end this opening. Requests in progress finish normally, and their
    /// results are ignored.
    ///
    /// ```
    /// # use throttle::Breaker;
    /// async fn maintain(breaker: &Breaker, work: impl Future<Output = ()>) {
    ///     breaker.force_open();
    ///     work.await;
    ///     breaker.force_close();
    /// }
    /// ```
    pub fn force_open(&self) {
        let breaker = self.name();
        audit::event(
            |by, why| tracing::info!(target: "throttle", breaker, by, why, "a circuit breaker was forced open"),
        );
        self.0.force_open();
    }

    /// Closes the breaker and resets its counters. Requests in progress finish normally, and their results are
    /// ignored. If the breaker was closed before, the hook is not called.
    ///
    /// ```
    /// # use throttle::Breaker;
    /// fn repaired(breaker: &Breaker) {
    ///     breaker.force_close();
    ///     assert_eq!(breaker.snapshot().failures, 0);
    /// }
    /// ```
    pub fn force_close(&self) {
        let breaker = self.name();
        audit::event(
            |by, why| tracing::info!(target: "throttle", breaker, by, why, "a circuit breaker was forced closed"),
        );
        self.0.force_close();
    }

    #[inline]
    pub(super) fn circuit(&self) -> &Circuit {
        &self.0
    }
}

impl Breaker {
    /// Creates a breaker. `observer` is woken by every change.
    pub(crate) fn new(
        settings: CircuitBreaker,
        name: Arc<str>,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<Notify>>,
    ) -> Self {
        Self(Arc::new(Circuit::new(settings, name, clock, observer)))
    }

    /// Returns the current opening, unless the breaker is forced open.
    pub(crate) fn opening(&self) -> Option<Opening> {
        self.0.opening()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.word().is_closed()
    }

    /// Opens the breaker because the breaker of another instance opened, for `wait` plus `more` microseconds.
    /// The caller has to [publish](Self::publish) the change. Returns `None` if the breaker is forced open.
    pub(crate) fn follow(&self, wait: u64, more: u64) -> Option<(Opening, Option<Transition>)> {
        self.0.follow(wait, more)
    }

    /// Lets a request probe immediately, if the breaker is still in this opening.
    pub(crate) fn may_probe(&self, generation: u32) {
        self.0.may_probe(generation);
    }

    pub(crate) fn publish(&self, change: Option<Transition>) {
        self.0.publish(change);
    }

    /// Whether both handles are the same breaker.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the breaker rejects all requests, because no probe is due yet.
    pub(crate) fn refuses(&self) -> bool {
        let word = self.0.word();
        !word.is_closed() && self.0.refuses(word)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.name()).field("info", &self.snapshot()).finish()
    }
}
