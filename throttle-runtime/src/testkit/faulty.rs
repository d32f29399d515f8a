//! A backend that fails on command.

use std::future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::backend::{
    Backend, Charge, ConcurrencyPermit, ConcurrencyStore, CoordinationStore, Mode, PermitRequest, Reply,
    Resets, Verdict,
};
use crate::strategy::Strategy;
use crate::util::sync;
use crate::{BackendError, ErrorKind, NowOrLater};

/// The fault of a decision that a [`Faulty`] backend makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Returns an error of that kind without a charge, as if the store were unreachable.
    Refuse(ErrorKind),
    /// Returns an error of that kind after the charge, as if the reply were lost.
    Lose(ErrorKind),
    /// Never responds.
    Hang,
    /// Panics.
    Panic,
}

/// A backend that wraps another one, usually [`Memory`](crate::backend::Memory), and decides as that one does
/// until it is told to fail. Use it to test what a program does when its store does not work.
///
/// Clones are the same backend: one goes into the registry, one stays with the test.
///
/// ```
/// use throttle::backend::Memory;
/// use throttle::testkit::{Faulty, assert_allowed};
/// use throttle::{ErrorKind, Settings, registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Faulty::new(Memory::new());
/// let registry = registry().backend("store", store.clone()).build().await?;
/// let exports = registry.create("exports", Settings::new().rate("1/day").backend("store").on_error("allow"))?;
///
/// store.fail(ErrorKind::Connection);
/// for _ in 0..3 {
///     assert_allowed(&exports.hit("alice").await?);
/// }
/// store.heal();
/// assert_eq!(exports.hit("alice").await?.remaining(), Some(0), "nothing was charged");
/// assert_eq!(store.calls(), 4);
/// # Ok(())
/// # }
/// ```
///
/// If it [hangs](Self::hang), the throttle stops waiting at its [deadline](crate::Settings::timeout), 100 ms
/// by default. With `#[tokio::test(start_paused = true)]`, that time passes immediately.
#[derive(Debug, Clone)]
pub struct Faulty(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    backend: Arc<dyn Backend>,
    /// The fault of the next decisions, and the number of decisions that still have it.
    fault: Mutex<Option<(Fault, usize)>>,
    starts: AtomicBool,
    calls: AtomicUsize,
    initialized: AtomicUsize,
}

impl Faulty {
    /// Creates a backend that works until it is told to fail.
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(Inner {
            backend: Arc::new(backend),
            fault: Mutex::new(None),
            starts: AtomicBool::new(true),
            calls: AtomicUsize::new(0),
            initialized: AtomicUsize::new(0),
        }))
    }

    /// From now on, every decision fails with an error of that kind, and nothing is charged.
    pub fn fail(&self, kind: ErrorKind) {
        self.meet(Fault::Refuse(kind), usize::MAX);
    }

    /// From now on, no decision completes.
    pub fn hang(&self) {
        self.meet(Fault::Hang, usize::MAX);
    }

    /// The next `times` decisions have that fault. The decisions after them work.
    pub fn meet(&self, fault: Fault, times: usize) {
        self.set(Some((fault, times)));
    }

    /// From now on, decisions work again.
    pub fn heal(&self) {
        self.set(None);
    }

    /// Sets whether it can be initialized from now on. If it cannot, its registry fails at startup, unless the
    /// registry does not [require](crate::RegistryBuilder::require_backends) it.
    pub fn can_start(&self, can: bool) {
        self.0.starts.store(can, Ordering::Relaxed);
    }

    /// Returns how many decisions and permits it was called for, including those that failed.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Like [`calls`](Self::calls), and sets the number to 0.
    pub fn take_calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::Relaxed)
    }

    /// Returns how often an initialization was attempted.
    pub fn initialized(&self) -> usize {
        self.0.initialized.load(Ordering::Relaxed)
    }

    fn set(&self, fault: Option<(Fault, usize)>) {
        *sync::lock(&self.0.fault) = fault;
    }

    /// Returns the fault of the next decision.
    fn next(&self) -> Option<Fault> {
        let mut fault = sync::lock(&self.0.fault);
        let (next, left) = (*fault)?;
        *fault = left.checked_sub(1).map(|left| (next, left));
        fault.map(|_| next)
    }
}

fn error(kind: ErrorKind) -> BackendError {
    BackendError::new(kind, format!("a fault of the kind {kind:?}"))
}

impl Backend for Faulty {
    /// # Panics
    ///
    /// If the fault is [`Fault::Panic`].
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        match self.next() {
            None => self.0.backend.decide(charges, mode),
            Some(Fault::Refuse(kind)) => NowOrLater::now(Err(error(kind).safe_to_retry())),
            Some(Fault::Lose(kind)) => NowOrLater::later(async move {
                self.0.backend.decide(charges, mode).await?;
                Err(error(kind))
            }),
            Some(Fault::Hang) => NowOrLater::later(future::pending()),
            Some(Fault::Panic) => panic!("a fault"),
        }
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.backend.refund(charges, at)
    }

    fn initialize(&self) -> Reply<'_, ()> {
        NowOrLater::later(async {
            // A real store has to be reached first, so other tasks run meanwhile.
            tokio::task::yield_now().await;
            self.0.initialized.fetch_add(1, Ordering::Relaxed);
            if self.0.starts.load(Ordering::Relaxed) {
                self.0.backend.initialize().await
            } else {
                Err(error(ErrorKind::Connection))
            }
        })
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.backend.reset()
    }

    fn close(&self) -> Reply<'_, ()> {
        self.0.backend.close()
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        self.0.backend.forget(charges)
    }

    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        self.0.backend.coordination_store()
    }

    fn concurrency_store(&self) -> Option<&dyn ConcurrencyStore> {
        self.0.backend.concurrency_store().map(|_| self as &dyn ConcurrencyStore)
    }

    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        self.0.backend.recognises_retries(strategy)
    }

    fn resets(&self) -> Option<&Resets> {
        self.0.backend.resets()
    }

    fn address(&self) -> *const () {
        Arc::as_ptr(&self.0).cast()
    }
}

/// A permit has the same fault as a decision.
impl ConcurrencyStore for Faulty {
    fn try_acquire<'a>(&'a self, request: &'a PermitRequest<'a>) -> Reply<'a, Option<ConcurrencyPermit>> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let take = async move || match self.0.backend.concurrency_store() {
            Some(places) => places.try_acquire(request).await,
            None => Err(error(ErrorKind::Store).safe_to_retry()),
        };
        match self.next() {
            None => NowOrLater::later(take()),
            Some(Fault::Refuse(kind)) => NowOrLater::now(Err(error(kind).safe_to_retry())),
            Some(Fault::Lose(kind)) => NowOrLater::later(async move {
                take().await?;
                Err(error(kind))
            }),
            Some(Fault::Hang) => NowOrLater::later(future::pending()),
            Some(Fault::Panic) => panic!("a fault"),
        }
    }
}
