//! A live breaker, as requests and operators see it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use super::circuit::Circuit;
use super::elsewhere::Opening;
use super::open::Entered;
use super::permit::{Entry, Permit};
use super::word::Word;
use super::{Change, CircuitBreaker, Info};
use crate::{Clock, audit};

/// A live circuit breaker. Clones are the same one.
///
/// ```
/// use throttle::Breaker;
///
/// fn describe(breaker: &Breaker) -> String {
///     let info = breaker.info();
///     format!("{} is {} after {} failures", breaker.name(), info.state, info.failures)
/// }
/// ```
#[derive(Clone)]
pub struct Breaker(Arc<Circuit>);

impl Breaker {
    /// The name that was [chosen](CircuitBreaker::named), or else the file and line of its settings.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// What it is and has counted at this moment. It waits for nobody.
    pub fn info(&self) -> Info {
        self.0.info()
    }

    /// Opens it until [`force_close`](Self::force_close), whatever time passes: for maintenance of a backend.
    /// Requests that are under way end as they do, and change nothing.
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

    /// Closes it, with all that it has counted forgotten. Requests that are under way end as they do, and change
    /// nothing. Nobody is told if it was closed before.
    ///
    /// ```
    /// # use throttle::Breaker;
    /// fn repaired(breaker: &Breaker) {
    ///     breaker.force_close();
    ///     assert_eq!(breaker.info().failures, 0);
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
    /// Somebody may want to be woken by every change.
    pub(crate) fn new(
        settings: CircuitBreaker,
        name: Arc<str>,
        clock: Arc<dyn Clock>,
        told: Option<Arc<Notify>>,
    ) -> Self {
        Self(Arc::new(Circuit::new(settings, name, clock, told)))
    }

    /// The opening that it is in, unless somebody forced it.
    pub(crate) fn opening(&self) -> Option<Opening> {
        self.0.opening()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.word().is_closed()
    }

    /// Opens it as that of another instance has, for `wait` and `more`, in microseconds. The change is to be
    /// [published](Self::publish). `None` if an operator has the word.
    pub(crate) fn follow(&self, wait: u64, more: u64) -> Option<(Opening, Option<Change>)> {
        self.0.follow(wait, more)
    }

    /// Lets a request probe at once, if it is still in that opening.
    pub(crate) fn may_probe(&self, generation: u32) {
        self.0.may_probe(generation);
    }

    pub(crate) fn publish(&self, change: Option<Change>) {
        self.0.publish(change);
    }

    /// Whether the other one is this one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Lets a request pass, if it is closed.
    #[inline]
    pub(crate) fn pass(&self) -> Option<Permit<'_>> {
        let word = self.0.word();
        word.is_closed().then(|| Permit::pass(self, word.generation()))
    }

    /// Whether it keeps all requests from the backend, and there is nothing to try yet.
    pub(crate) fn refuses(&self) -> bool {
        let word = self.0.word();
        !word.is_closed() && self.0.refuses(word)
    }

    /// What becomes of a request: to be asked before the backend is.
    #[inline]
    pub(crate) fn enter(&self) -> Entry<'_> {
        self.pass().map_or_else(|| self.enter_broken(self.0.word()), Entry::Pass)
    }

    #[cold]
    fn enter_broken(&self, word: Word) -> Entry<'_> {
        match self.0.enter(word) {
            Entered::Pass(generation) => Entry::Pass(Permit::pass(self, generation)),
            Entered::Probe(generation, change) => {
                // Before others are told: if they panic, this gives the place back.
                let permit = Permit::probe(self.clone(), generation);
                self.0.publish(change);
                Entry::Probe(permit)
            }
            Entered::Refused => Entry::Refused,
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.name()).field("info", &self.info()).finish()
    }
}
