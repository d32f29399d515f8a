//! The backend that is built from a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Client, wrap};
use super::evaluate::Case;
use super::record::Record;
use super::{Store, keys};
use crate::backend::{Backend, Charge, CoordinationStore, Mark, Mode, Reply, Resets, Verdict};
use crate::clock::{Clock, SystemClock};
use crate::error::{BackendError, ErrorKind};
use crate::rate::Rate;
use crate::strategy::Strategy;
use crate::util::now_or_later::NowOrLater;

/// A backend that keeps its states in a [`Store`]. Every strategy is exact, for all processes that share the
/// store.
///
/// - **Exact**: a decision holds the records that it changes, by the store's locks or by
///   [`compare_and_set`](Store::compare_and_set). With locks, this is true as long as no process is suspended
///   for half of [`lock_ttl`](Self::lock_ttl) in the middle of a write. With compare-and-set, it is true
///   however long a decision takes.
/// - **The time** is the time of this process. If the clocks of two processes differ, their clients are
///   admitted earlier or later by that difference. No strategy locks a client out because of it.
/// - **Keys** of the store are the namespace, a colon and 64 hexadecimal digits, whatever clients send. They
///   do not reveal an identity. With a single limit of [`FixedWindow`](crate::strategy::FixedWindow) or
///   [`TieredRate`](crate::strategy::TieredRate) and a period of a second or more, a store with
///   [`INCREMENT_WITHIN`](Store::INCREMENT_WITHIN) has counters. The key of a counter also has a colon and
///   the end of the window in microseconds, and its value is the number of units.
/// - **Expiry**: a value expires about a second after it has become meaningless, and a counter one period
///   later. A reset of all identities stores its time under the namespace and `#reset`. That value does not
///   expire.
/// - **Unreadable values**, for example damaged or foreign ones, count as missing, with an event at level
///   WARN.
/// - **Errors before the first write** of a decision, for example while it reads or locks, are [certain to
///   have charged nothing](BackendError::is_safe_to_retry). A failed write is certain only if the store's
///   own error is a [`BackendError`] that is certain, and nothing else was written. A timeout is certain if
///   it passes while the decision reads, or waits for another decision or for the lock of a holder that has
///   died.
/// - **A decision that is dropped** releases the records that it holds, in a task of the runtime. It has
///   charged either all of its limits or none.
///
/// ```
/// use std::time::Duration;
/// use throttle::{ManualClock, backend::StoreBackend};
/// # use std::convert::Infallible;
/// # use throttle::backend::Store;
/// # struct Shelf;
/// #
/// # impl Store for Shelf {
/// #     type Error = Infallible;
/// #
/// #     async fn get(&self, _: &str) -> Result<Option<String>, Infallible> { Ok(None) }
/// #     async fn reset(&self, _: &str) -> Result<(), Infallible> { Ok(()) }
/// #     async fn set(&self, _: &str, _: &str, _: Option<Duration>) -> Result<(), Infallible> { Ok(()) }
/// #     async fn delete(&self, _: &str) -> Result<(), Infallible> { Ok(()) }
/// #     async fn try_lock(&self, _: &str, _: Duration) -> Result<Option<u64>, Infallible> { Ok(None) }
/// #     async fn unlock(&self, _: &str, _: u64) -> Result<bool, Infallible> { Ok(false) }
/// # }
///
/// // `Shelf` implements `Store`. The clock is for tests.
/// let clock = ManualClock::new();
/// let shelf = StoreBackend::new(Shelf)
///     .namespace("shop")
///     .clock(clock.clone())
///     .lock_ttl(Duration::from_secs(5))
///     .persistent(false);
/// let registry = throttle::registry().backend("shelf", shelf);
/// ```
pub struct StoreBackend<S> {
    pub(super) store: Arc<S>,
    pub(super) client: Arc<Client<S>>,
    pub(super) prefix: String,
    persistent: bool,
    resets: Arc<Resets>,
}

impl<S: Store> StoreBackend<S> {
    /// Creates a backend on this store.
    ///
    /// # Default
    ///
    /// The namespace is `throttle`, the clock is [`SystemClock`], [`lock_ttl`](Self::lock_ttl) is 2 seconds, and
    /// the states are [persistent](Self::persistent).
    pub fn new(store: S) -> Self {
        Self::shared(Arc::new(store))
    }

    /// Creates a backend like [`new`](Self::new), on a store that has other owners.
    pub fn shared(store: Arc<S>) -> Self {
        let client = Client::new(Arc::clone(&store), Arc::new(SystemClock::new()), Duration::from_secs(2));
        Self {
            store,
            client: Arc::new(client),
            prefix: keys::prefix("throttle"),
            persistent: true,
            resets: Arc::default(),
        }
    }

    /// Sets the namespace: the text that all keys of this backend begin with. Use it if others use the store
    /// too. Backends with the same namespace share their states and are reset together. Namespaces of any
    /// length and content are kept apart.
    ///
    /// # Default
    ///
    /// `throttle`.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        Self { prefix: keys::prefix(namespace), ..self }
    }

    /// Sets another source of time, such as a [`ManualClock`](crate::ManualClock).
    ///
    /// # Default
    ///
    /// [`SystemClock`].
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        let client = Client::new(Arc::clone(&self.store), Arc::new(clock), self.client.lock_ttl);
        Self { client: Arc::new(client), ..self }
    }

    /// Sets the time after which the lock of a holder that has died is free again. The minimum is 10
    /// milliseconds, and the maximum is 20 seconds. A call of the store for a decision, a refund or the reset
    /// of one identity has a timeout of half of this time.
    ///
    /// # Default
    ///
    /// 2 seconds.
    #[must_use]
    pub fn lock_ttl(self, ttl: Duration) -> Self {
        let ttl = ttl.clamp(Duration::from_millis(10), Duration::from_secs(20));
        let client = Client::new(Arc::clone(&self.store), Arc::clone(&self.client.clock), ttl);
        Self { client: Arc::new(client), ..self }
    }

    /// Sets whether the states are kept when this backend is closed. If `false`, [`close`](Backend::close)
    /// deletes all states of the namespace, including the states of other processes that use it.
    ///
    /// # Default
    ///
    /// `true`.
    #[must_use]
    pub fn persistent(self, persistent: bool) -> Self {
        Self { persistent, ..self }
    }

    /// Returns the store.
    pub const fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Returns the key under which the states of an identity are stored.
    #[cfg(feature = "testkit")]
    pub(crate) fn name_of(&self, charge: &Charge<'_>) -> String {
        let slots = Case::new(&self.prefix, std::slice::from_ref(charge), S::INCREMENT_WITHIN)
            .slots(self.client.clock.now());
        slots.into_iter().next().map(|slot| slot.key).unwrap_or_default()
    }

    async fn start(&self) -> Result<(), BackendError> {
        self.store.initialize().await.map_err(wrap::<S>)?;
        if self.store.ready().await.map_err(wrap::<S>)? {
            Ok(())
        } else {
            Err(BackendError::new(ErrorKind::Connection, "the store is not ready for use"))
        }
    }

    /// Stores the mark of a reset of all identities, so that earlier charges are not refunded.
    async fn mark_reset(&self) -> Result<(), BackendError> {
        let mark = Mark::of_all(self.client.clock.now());
        let mut record = Record::default();
        record.set(0, mark.state());
        let key = keys::of_reset(&self.prefix);
        let written = self.store.set(&key, &record.encode(), None).await.map_err(wrap::<S>);
        self.resets.record_all(Some(mark));
        written
    }

    /// Returns the mark of the last reset of all identities, by any process.
    async fn last_reset(&self) -> Result<Option<Mark>, BackendError> {
        let key = keys::of_reset(&self.prefix);
        let text = self.client.call(self.store.get(&key)).await?;
        Ok(Record::read(text.as_deref()).mark(0, self.client.clock.now()))
    }

    /// Closes the store, even if the reset before it fails.
    async fn end(&self) -> Result<(), BackendError> {
        let reset = if self.persistent { Ok(()) } else { self.store.reset(&self.prefix).await };
        let closed = self.store.close().await;
        reset.and(closed).map_err(wrap::<S>)
    }
}

impl<S: Store> Backend for StoreBackend<S> {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        NowOrLater::watched(async move {
            let case = Case::new(&self.prefix, charges, S::INCREMENT_WITHIN);
            match case.increment(mode) {
                Some(increment) => self.client.count(&case, increment).await,
                None => self.client.transact(&case, &|records, now| case.decide(mode, records, now)).await?,
            }
        })
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            let resets = (&*self.resets, self.last_reset().await?);
            for charge in charges.chunks(1) {
                let case = Case::new(&self.prefix, charge, S::INCREMENT_WITHIN).with_mark();
                let judge = |records: &[Record], now| case.refund(resets, at, records, now);
                let refund = self.client.transact(&case, &judge).await;
                // Another charge may already have been refunded.
                refund.map_err(BackendError::in_doubt)?;
            }
            Ok(())
        })
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            for charge in charges.chunks(1) {
                let case = Case::new(&self.prefix, charge, S::INCREMENT_WITHIN).with_mark();
                let forgotten = self.client.transact(&case, &|records, now| case.forget(records, now)).await;
                // Another charge may already have been forgotten.
                let mark = forgotten.map_err(BackendError::in_doubt)?;
                self.resets.record(&charge[0], mark);
            }
            Ok(())
        })
    }

    fn initialize(&self) -> Reply<'_, ()> {
        NowOrLater::later(self.start())
    }

    fn reset(&self) -> Reply<'_, ()> {
        NowOrLater::later(async move {
            self.mark_reset().await?;
            let reset = self.store.reset(&self.prefix).await.map_err(wrap::<S>);
            // The deletion may have removed requests that were charged meanwhile.
            let marked = self.mark_reset().await;
            reset.and(marked)
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        NowOrLater::later(self.end())
    }

    fn coordination_store(&self) -> Option<&dyn CoordinationStore> {
        Some(self)
    }

    /// Counters cannot store tokens.
    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        !S::INCREMENT_WITHIN || strategy.counter_limit(Rate::per_second(1)).is_none()
    }

    fn resets(&self) -> Option<&Resets> {
        Some(&self.resets)
    }
}

impl<S> fmt::Debug for StoreBackend<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBackend")
            .field("prefix", &self.prefix)
            .field("client", &self.client)
            .field("persistent", &self.persistent)
            .finish_non_exhaustive()
    }
}
