//! Where state is kept and decisions are made.

mod attempt;
mod board;
#[cfg(feature = "memcached")]
mod memcached;
mod memory;
mod places;
#[cfg(feature = "redis")]
mod redis;
mod resets;
mod store;

use std::fmt::Debug;
use std::sync::Arc;

pub use attempt::Attempt;
pub use board::Board;
#[cfg(feature = "memcached")]
#[cfg_attr(docsrs, doc(cfg(feature = "memcached")))]
pub use memcached::Memcached;
#[doc(hidden)]
pub use memory::Engine;
pub(crate) use memory::Short;
pub use memory::{Memory, MemoryBuilder};
pub use places::{Held, Place, Places};
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisBuilder};
#[doc(hidden)]
pub use resets::Resets;
use resets::{Mark, Marks};
pub use store::{Increment, Store, Stored, increment_or_take_back};

use crate::fingerprint::Domain;
use crate::strategy::{Arrival, Class, Strategy};
use crate::{BackendError, ErrorKind, Key, Quotas, Rate, Soon, Source};

/// One throttle's part of a decision: who pays how much against which limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Charge<'a> {
    /// The registry's namespace and the throttle's uid. State of different scopes never meets.
    pub scope: &'a str,
    /// Who pays.
    pub key: &'a Key,
    /// How the limits are enforced.
    pub strategy: &'a dyn Strategy,
    /// The limits: one state each.
    pub rates: &'a [Rate],
    /// Units to take; 0 asks without taking.
    pub cost: u64,
    /// What kind of caller pays.
    pub class: Class,
    /// What [`Strategy::load`] says.
    pub load: u64,
    /// What keeps the states apart, hashed.
    pub(crate) domain: Domain,
    /// Of a refund: the number of the last reset before the charge, where it is known.
    pub(crate) taken: Option<u64>,
    /// The attempt, if the decision may be retried after a timeout.
    pub attempt: Option<&'a Attempt>,
}

impl<'a> Charge<'a> {
    /// A charge by a caller of no class under no load, for tests of backends.
    pub fn new(
        scope: &'a str,
        key: &'a Key,
        strategy: &'a dyn Strategy,
        rates: &'a [Rate],
        cost: u64,
    ) -> Self {
        let domain = Domain::new(scope, strategy, rates);
        let class = Class::NONE;
        Self { scope, key, strategy, rates, cost, class, load: 0, domain, taken: None, attempt: None }
    }

    /// The charge as its strategy sees it, against one of its limits.
    pub const fn arrival(&self, rate: Rate, cost: u64, now: u64) -> Arrival {
        Arrival::new(rate, cost, now).class(self.class).load(self.load)
    }
}

/// Whether a decision takes units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Charge the request if it fits.
    Take,
    /// Say what a charge would be answered, and take nothing.
    Peek,
}

/// What a backend answers.
///
/// ```
/// use throttle::backend::Verdict;
/// use throttle::{Quota, Rate};
///
/// let verdict = Verdict::new(vec![Quota::allowed(Rate::per_second(5), 4)], 1_767_225_600_000_000);
/// assert_eq!(verdict.quotas.len(), 1);
/// assert!(!verdict.is_cached());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// One quota per limit: those of the first charge, then those of the second, and so on. The request is
    /// admitted if it fits all of them.
    pub quotas: Quotas,
    /// The backend's time of the decision, in microseconds since the Unix epoch.
    pub at: u64,
    cached: bool,
}

impl Verdict {
    /// An answer with one quota per limit, in their order, at a time in microseconds since the Unix epoch.
    pub fn new(quotas: impl Into<Quotas>, at: u64) -> Self {
        Self { quotas: quotas.into(), at, cached: false }
    }

    /// The same, answered from what the store said before, without asking it again.
    ///
    /// ```
    /// use throttle::backend::Verdict;
    /// use throttle::{Quota, Rate};
    ///
    /// let denied = Verdict::new(vec![Quota::denied(Rate::per_second(5), 0, 200_000)], 1_767_225_600_000_000);
    /// assert!(denied.cached().is_cached());
    /// ```
    #[must_use]
    pub const fn cached(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Who it was that answered, if it was the throttle's own backend.
    pub(crate) const fn source(&self) -> Source {
        if self.cached { Source::Cached } else { Source::Backend }
    }

    /// Whether the store was not asked for this: it is what it said before that answers.
    pub const fn is_cached(&self) -> bool {
        self.cached
    }
}

/// A future of a backend's answer, or the answer itself.
pub type Reply<'a, T> = Soon<'a, Result<T, BackendError>>;

/// Where state is kept and decisions are made.
///
/// What an implementation promises:
///
/// - **Exact**: concurrent decisions on one identity act as if they came one after the other.
/// - **All or nothing**: either all limits of all charges are charged, or none; a denied request changes
///   nothing.
/// - **Bounded**: keys of any content and length neither collide nor fail, and memory is bounded.
/// - **Cancel safe**: a reply that is dropped leaves nothing locked. There is a deadline around every reply
///   that is not there at once: the throttle's for decisions and refunds, five seconds for the rest.
pub trait Backend: Debug + Send + Sync + 'static {
    /// Decides one request against all limits of all charges, at the backend's own time.
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict>;

    /// The answer of [`decide`](Self::decide), if there is nothing to wait for: a backend that has it spares such decisions
    /// a future. `None`, which is all that there is unless this says otherwise, means that nothing was charged and that
    /// `decide` is asked. What was answered without asking the store is [cached](Verdict::cached).
    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        let _ = (charges, mode);
        None
    }

    /// Refunds what a decision at `at` took, as far as the strategies allow. A refund belongs to the state from which it
    /// was taken: nothing is refunded for identities that were [forgotten](Self::forget) or [reset](Self::reset) since.
    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()>;

    /// Forgets the states that these charges are about, whatever they cost, and no others: so that a program can
    /// [reset](crate::Throttle::reset) one identity. Unless a backend says how, that is an error, and changes nothing.
    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        let _ = charges;
        let cannot = BackendError::new(ErrorKind::Store, "the backend cannot forget one identity");
        Soon::now(Err(cannot.nothing_charged()))
    }

    /// Called once before the first decision, by [`install`](crate::RegistryBuilder::install).
    fn initialize(&self) -> Reply<'_, ()> {
        Soon::now(Ok(()))
    }

    /// Forgets all state of this backend.
    fn reset(&self) -> Reply<'_, ()>;

    /// Called once after the last decision, by [`Registry::close`](crate::Registry::close).
    fn close(&self) -> Reply<'_, ()> {
        Soon::now(Ok(()))
    }

    /// Where instances leave words for one another, if the backend has such a place: what circuit breakers can be
    /// [shared](crate::CircuitBreaker::shared) through. None unless this says otherwise.
    fn board(&self) -> Option<&dyn Board> {
        None
    }

    /// Where it is known how many requests are in flight, if the backend has such a place: what
    /// [`Settings::concurrent`](crate::Settings::concurrent) needs. None unless this says otherwise.
    fn places(&self) -> Option<&dyn Places> {
        None
    }

    /// Whether it recognises a charge of this strategy that it has made before, by the token of its
    /// [attempt](Charge::attempt), and then answers as it did and charges nothing. Throttles retry after timeouts only
    /// if it does. `false` by default.
    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        let _ = strategy;
        false
    }

    /// The resets by this process, if the backend numbers them.
    #[doc(hidden)]
    fn resets(&self) -> Option<&Resets> {
        None
    }

    /// The memory backend's engine, which throttles ask without going through this trait where they can.
    #[doc(hidden)]
    fn engine(&self) -> Option<Arc<Engine>> {
        None
    }

    /// What tells this backend from others, however it is shared.
    #[doc(hidden)]
    fn address(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

/// A backend that is used in several places.
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

    fn board(&self) -> Option<&dyn Board> {
        (**self).board()
    }

    fn places(&self) -> Option<&dyn Places> {
        (**self).places()
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
