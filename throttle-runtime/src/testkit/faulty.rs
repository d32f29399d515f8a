//! A backend that fails on command.

use std::future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::backend::{
    Backend, Charge, ConcurrencyPermit, ConcurrencyStore, CoordinationStore, Mode, PermitRequest, Reply,
    Resets, Verdict,
};
use crate::error::{BackendError, ErrorKind};
use crate::strategy::Strategy;
use crate::util::now_or_later::NowOrLater;
use crate::util::sync;

/// The fault of a decision that a [`Faulty`] backend makes.
///
/// ```
/// use throttle::backend::Memory;
/// use throttle::testkit::{Fault, Faulty};
/// use throttle::{ErrorKind, Settings, registry};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Faulty::new(Memory::new());
/// let registry = registry().backend("store", store.clone()).build().await?;
/// let exports = registry.create("exports", Settings::new().rate("1/day").backend("store").on_error("raise"))?;
///
/// store.meet(Fault::Lose(ErrorKind::Connection), 1);
/// let error = exports.hit("alice").await.expect_err("the reply is lost");
/// assert!(!error.is_safe_to_retry());
/// assert!(exports.hit("alice").await?.is_throttled(), "the lost request was charged");
/// # Ok(())
/// # }
/// ```
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

/// A backend that wraps another backend, usually [`Memory`](crate::backend::Memory), and fails on command. Use it
/// to test how a program behaves while its store fails.
///
/// All clones are one backend: one clone goes into the registry, and another clone stays with the test.
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
/// If it [hangs](Self::hang), the throttle stops waiting after its [timeout](crate::Settings::timeout), 100 ms
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
    /// Creates a backend that passes all calls to `backend`, until a method of this type sets a fault.
    pub fn new(backend: impl Backend) -> Self {
        Self(Arc::new(Inner {
            backend: Arc::new(backend),
            fault: Mutex::new(None),
            starts: AtomicBool::new(true),
            calls: AtomicUsize::new(0),
            initialized: AtomicUsize::new(0),
        }))
    }

    /// Makes every decision fail from now on, with an error of that kind and without a charge.
    pub fn fail(&self, kind: ErrorKind) {
        self.meet(Fault::Refuse(kind), usize::MAX);
    }

    /// Makes every decision wait forever from now on.
    pub fn hang(&self) {
        self.meet(Fault::Hang, usize::MAX);
    }

    /// Gives the next `times` decisions that fault. Later decisions work.
    pub fn meet(&self, fault: Fault, times: usize) {
        self.set(Some((fault, times)));
    }

    /// Removes the fault: decisions work again from now on.
    pub fn heal(&self) {
        self.set(None);
    }

    /// Sets whether the backend can be initialized from now on. With `false`, its registry fails at startup,
    /// unless the registry does not [require](crate::RegistryBuilder::require_backends) its backends.
    ///
    /// ```
    /// use throttle::{backend::Memory, registry, testkit::Faulty};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = Faulty::new(Memory::new());
    /// store.can_start(false);
    /// assert!(registry().backend("store", store.clone()).build().await.is_err());
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// `true`.
    pub fn can_start(&self, can: bool) {
        self.0.starts.store(can, Ordering::Relaxed);
    }

    /// Returns the number of calls for decisions and permits, including failed calls.
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Returns the number of [calls](Self::calls), and sets it to 0.
    pub fn take_calls(&self) -> usize {
        self.0.calls.swap(0, Ordering::Relaxed)
    }

    /// Returns the number of attempts to initialize the backend.
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
