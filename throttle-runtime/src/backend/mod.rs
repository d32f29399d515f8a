//! Backends: where states are stored and decisions are made.

mod attempt;
mod charge;
mod concurrency;
mod coordination;
pub(crate) mod deadline;
mod evaluate;
#[cfg(feature = "memcached")]
mod memcached;
mod memory;
pub(crate) mod named;
#[cfg(feature = "redis")]
mod redis;
mod resets;
mod store;

use std::fmt::Debug;
use std::sync::Arc;

pub use attempt::Attempt;
pub use charge::{Charge, Mode, Verdict};
pub use concurrency::{ConcurrencyPermit, ConcurrencyStore, PermitRequest};
pub use coordination::CoordinationStore;
#[cfg(feature = "memcached")]
pub use memcached::Memcached;
#[doc(hidden)]
pub use memory::Engine;
pub(crate) use memory::FastPath;
pub use memory::{Memory, MemoryBuilder};
#[cfg(feature = "redis")]
pub use redis::Redis;
#[cfg(feature = "redis")]
pub use redis::RedisBuilder;
#[doc(hidden)]
pub use resets::Resets;
use resets::{Mark, Marks};
pub use store::{Increment, Store, StoreBackend, increment_or_take_back};

use crate::error::{BackendError, ErrorKind};
use crate::strategy::Strategy;
use crate::util::now_or_later::NowOrLater;

/// The result of a call to a backend, or a future of it: see [`NowOrLater`].
pub type Reply<'a, T> = NowOrLater<'a, Result<T, BackendError>>;

/// A backend: stores states and makes decisions.
///
/// An implementation guarantees:
///
/// - **Exact**: concurrent decisions on one identity have the same results as if they were made one after the
///   other.
/// - **All or nothing**: a decision charges either all limits of all charges or no limit. A denied request
///   changes nothing.
/// - **Bounded**: keys of any content and length are accepted and never collide, and memory use is bounded.
/// - **Cancel safe**: a reply that is dropped leaves nothing locked. Callers drop a reply that is not ready
///   within a timeout. For decisions, refunds and [`forget`](Self::forget), this is the throttle's timeout.
///   For `reset`, `close`, and `initialize` at startup, it is five seconds.
///
/// The feature `testkit` contains tests for backends: `testkit::conformance!` runs one test per requirement.
///
/// ```
/// use throttle::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
///
/// /// A backend in memory that prints each decision.
/// #[derive(Debug)]
/// struct Printed(Memory);
///
/// impl Backend for Printed {
///     fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
///         println!("{mode:?}, {} charges", charges.len());
///         self.0.decide(charges, mode)
///     }
///
///     fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
///         self.0.refund(charges, at)
///     }
///
///     fn reset(&self) -> Reply<'_, ()> {
///         self.0.reset()
///     }
/// }
///
/// let registry = throttle::registry().backend("printed", Printed(Memory::new()));
/// ```
///
/// # Errors
///
/// A reply is an error if the backend cannot complete the call, for example because its store is unreachable.
/// If a failed call certainly charged nothing, the backend marks the error with
/// [`safe_to_retry`](BackendError::safe_to_retry). The charge of any other failed decision is in doubt.
pub trait Backend: Debug + Send + Sync + 'static {
    /// Decides one request against all limits of all charges, at the backend's own time.
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict>;

    /// Returns the verdict of [`decide`](Self::decide) if it is available without waiting. A backend that
    /// implements this method saves such decisions a future. `None` means that nothing was charged; the
    /// caller then calls `decide`. A verdict that was made without a call to the store is marked as
    /// [cached](Verdict::cached).
    ///
    /// # Default
    ///
    /// `None`.
    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        let _ = (charges, mode);
        None
    }

    /// Refunds the units that a decision charged, as far as the strategies allow. `at` is the
    /// [time](Verdict::at) of that decision. A refund applies only to the state that was charged: identities
    /// that were [forgotten](Self::forget) or [reset](Self::reset) since then are refunded nothing.
    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()>;

    /// Deletes the states that these charges refer to, whatever the costs of the charges are, and no other
    /// states. [`Throttle::reset`](crate::Throttle::reset) of one identity calls this method.
    ///
    /// # Default
    ///
    /// Returns an error of the kind [`ErrorKind::Store`], and changes nothing.
    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        let _ = charges;
        let cannot = BackendError::new(ErrorKind::Store, "the backend cannot forget one identity");
        NowOrLater::now(Err(cannot.safe_to_retry()))
    }

    /// Prepares the backend. [`install`](crate::RegistryBuilder::install) calls this before the first
    /// decision. If it fails and the program runs nevertheless, later decisions call it again until it
    /// succeeds.
    ///
    /// # Default
    ///
    /// Does nothing.
    fn initialize(&self) -> Reply<'_, ()> {
        NowOrLater::now(Ok(()))
    }

    /// Deletes all states of this backend.
    fn reset(&self) -> Reply<'_, ()>;

    /// Closes the backend. [`Registry::close`](crate::Registry::close) calls this once after the last
    /// decision.
    ///
    /// # Default
    ///
    /// Does nothing.
    fn close(&self) -> Reply<'_, ()> {
        NowOrLater::now(Ok(()))
    }

    /// Returns the backend's storage for values that all instances of a service share, if it has one.
    /// [Shared](crate::CircuitBreaker::shared) circuit breakers need it.
    ///
    /// # Default
    ///
    /// `None`.
    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        None
    }

    /// Returns the backend's concurrency limits, if it has any.
    /// [`Settings::max_concurrent`](crate::Settings::max_concurrent) needs them.
    ///
    /// # Default
    ///
    /// `None`.
    fn concurrency_store(&self) -> Option<&dyn ConcurrencyStore> {
        None
    }

    /// Returns whether the backend recognises a repeated charge of this strategy by the token of its
    /// [attempt](Charge::attempt). It then returns the result of the first charge, and charges nothing.
    /// Throttles retry after timeouts only if this returns `true`.
    ///
    /// # Default
    ///
    /// `false`.
    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        let _ = strategy;
        false
    }

    /// The resets by this process, if the backend numbers resets.
    #[doc(hidden)]
    fn resets(&self) -> Option<&Resets> {
        None
    }

    /// The memory backend's engine. Throttles call it directly where they can, and skip this trait.
    #[doc(hidden)]
    fn engine(&self) -> Option<Arc<Engine>> {
        None
    }

    /// An address that identifies this backend, however it is shared.
    #[doc(hidden)]
    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

/// A backend that is shared by several owners.
impl<B: Backend> Backend for Arc<B> {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        (**self).decide(charges, mode)
    }

    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        (**self).decide_at_once(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        (**self).refund(charges, at)
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        (**self).forget(charges)
    }

    fn initialize(&self) -> Reply<'_, ()> {
        (**self).initialize()
    }

    fn reset(&self) -> Reply<'_, ()> {
        (**self).reset()
    }

    fn close(&self) -> Reply<'_, ()> {
        (**self).close()
    }

    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        (**self).coordination_store()
    }

    fn concurrency_store(&self) -> Option<&dyn ConcurrencyStore> {
        (**self).concurrency_store()
    }

    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        (**self).recognises_retries(strategy)
    }

    fn resets(&self) -> Option<&Resets> {
        (**self).resets()
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        (**self).engine()
    }

    fn address(&self) -> *const () {
        (**self).address()
    }
}
