//! The backend that a store becomes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Client, wrap};
use super::judge::Case;
use super::record::Record;
use super::{Store, name};
use crate::backend::{Backend, Board, Charge, Mark, Mode, Reply, Resets, Verdict};
use crate::strategy::Strategy;
use crate::{BackendError, Clock, ErrorKind, Rate, Soon, SystemClock};

/// A backend whose state is in a [`Store`]: every strategy, exact, for all processes that share the store.
///
/// - **Exact** because a decision holds the records that it changes: by the store's locks, or by
///   [`compare_and_set`](Store::compare_and_set). Under locks that is true as long as no process stands still
///   for half of [`lock_ttl`](Self::lock_ttl) in the middle of a write; a store that compares is exact however
///   long it takes.
/// - **The time** is that of this process. Processes whose clocks differ let their clients pass earlier or
///   later by as much, and no strategy locks anybody out for it.
/// - **Keys** of the store are the namespace, a colon and 64 hexadecimal digits, whatever clients send, and
///   do not reveal an identity. With a single limit of [`FixedWindow`](crate::strategy::FixedWindow) or
///   [`TieredRate`](crate::strategy::TieredRate) and a period of a second or more, a colon and the end of the window in microseconds follow, and
///   the value is the number of units. A value expires about a second after it has become meaningless, and such a number
///   a period later. A reset of all identities leaves its time under the namespace and `#reset`, which does not expire.
/// - **A value that is not its own**, or damaged, counts as nothing stored, with an event at level WARN.
/// - **Of an error it is [certain](BackendError::is_nothing_charged)** that nothing was charged if the store failed
///   before the first write of the decision, as while it read or locked; of a write that fails only if the store's own
///   error is a [`BackendError`] that says so, and nothing else was written. It is certain too of a deadline that passes
///   while the decision reads, or waits for another decision or for the lock of a holder that has died.
/// - **A decision that is dropped** frees what it holds, in a task of the runtime, and has charged all of its
///   limits or none.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use throttle::backend::{Store, Stored};
///
/// struct Shelf;
///
/// impl Store for Shelf {
///     type Error = Infallible;
///
///     async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
///         Ok(None)
///     }
///     // and the other required methods
/// #     async fn reset(&self, _: &str) -> Result<(), Infallible> { Ok(()) }
/// #     async fn set(&self, _: &str, _: &str, _: Option<Duration>) -> Result<(), Infallible> { Ok(()) }
/// #     async fn delete(&self, _: &str) -> Result<(), Infallible> { Ok(()) }
/// #     async fn try_lock(&self, _: &str, _: Duration) -> Result<Option<u64>, Infallible> { Ok(None) }
/// #     async fn unlock(&self, _: &str, _: u64) -> Result<bool, Infallible> { Ok(false) }
/// }
///
/// let registry = throttle::registry().backend("shelf", Stored::new(Shelf).namespace("shop"));
/// ```
pub struct Stored<S> {
    pub(super) store: Arc<S>,
    pub(super) client: Arc<Client<S>>,
    pub(super) prefix: String,
    persistent: bool,
    resets: Arc<Resets>,
}

impl<S: Store> Stored<S> {
    /// A backend in the namespace `throttle` of this store, on the system's clock.
    pub fn new(store: S) -> Self {
        Self::shared(Arc::new(store))
    }

    /// The same of a store that is used in several places.
    pub fn shared(store: Arc<S>) -> Self {
        let client = Client::new(Arc::clone(&store), Arc::new(SystemClock::new()), Duration::from_secs(2));
        Self {
            store,
            client: Arc::new(client),
            prefix: name::prefix("throttle"),
            persistent: true,
            resets: Arc::default(),
        }
    }

    /// What the keys of this backend begin with, for stores that others use too. Backends of one namespace
    /// share their counts and are reset together; names of any length and content are kept apart.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        Self { prefix: name::prefix(namespace), ..self }
    }

    /// Another source of time, such as a [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        let client = Client::new(Arc::clone(&self.store), Arc::new(clock), self.client.lock_ttl);
        Self { client: Arc::new(client), ..self }
    }

    /// After what time a lock is free again whose holder has died, two seconds unless said otherwise; at least
    /// 10 milliseconds, at most 20 seconds. The store has half of it for each answer.
    #[must_use]
    pub fn lock_ttl(self, ttl: Duration) -> Self {
        let ttl = ttl.clamp(Duration::from_millis(10), Duration::from_secs(20));
        let client = Client::new(Arc::clone(&self.store), Arc::clone(&self.client.clock), ttl);
        Self { client: Arc::new(client), ..self }
    }

    /// Whether the counts outlive this backend, as they do unless said otherwise: other processes may be
    /// counting on them. If not, [`close`](Backend::close) removes those of the namespace.
    #[must_use]
    pub fn persistent(self, persistent: bool) -> Self {
        Self { persistent, ..self }
    }

    /// The store.
    pub const fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// The key of what is stored about an identity.
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

    /// Leaves a mark of a reset of all identities, so that refunds of what was charged before give nothing back.
    async fn mark_reset(&self) -> Result<(), BackendError> {
        let mark = Mark::of_all(self.client.clock.now());
        let mut record = Record::default();
        record.set(0, mark.state());
        let key = name::of_reset(&self.prefix);
        let written = self.store.set(&key, &record.encode(), None).await.map_err(wrap::<S>);
        self.resets.record_all(Some(mark));
        written
    }

    /// The mark of the last reset of all identities, by any process.
    async fn last_reset(&self) -> Result<Option<Mark>, BackendError> {
        let key = name::of_reset(&self.prefix);
        let text = self.client.call(self.store.get(&key)).await?;
        Ok(Record::read(text.as_deref()).mark(0, self.client.clock.now()))
    }

    /// A reset that fails does not keep anything open.
    async fn end(&self) -> Result<(), BackendError> {
        let reset = if self.persistent { Ok(()) } else { self.store.reset(&self.prefix).await };
        let closed = self.store.close().await;
        reset.and(closed).map_err(wrap::<S>)
    }
}

impl<S: Store> Backend for Stored<S> {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        Soon::watched(async move {
            let case = Case::new(&self.prefix, charges, S::INCREMENT_WITHIN);
            match case.increment(mode) {
                Some(increment) => self.client.count(&case, increment).await,
                None => self.client.transact(&case, &|records, now| case.decide(mode, records, now)).await?,
            }
        })
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        Soon::later(async move {
            let resets = (&*self.resets, self.last_reset().await?);
            for charge in charges.chunks(1) {
                let case = Case::new(&self.prefix, charge, S::INCREMENT_WITHIN).with_mark();
                let judge = |records: &[Record], now| case.refund(resets, at, records, now);
                let refund = self.client.transact(&case, &judge).await;
                // To another charge something may have been given back.
                refund.map_err(BackendError::in_doubt)?;
            }
            Ok(())
        })
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        Soon::later(async move {
            for charge in charges.chunks(1) {
                let case = Case::new(&self.prefix, charge, S::INCREMENT_WITHIN).with_mark();
                let forgotten = self.client.transact(&case, &|records, now| case.forget(records, now)).await;
                // Another charge may be forgotten.
                let mark = forgotten.map_err(BackendError::in_doubt)?;
                self.resets.record(&charge[0], mark);
            }
            Ok(())
        })
    }

    fn initialize(&self) -> Reply<'_, ()> {
        Soon::later(self.start())
    }

    fn reset(&self) -> Reply<'_, ()> {
        Soon::later(async move {
            self.mark_reset().await?;
            let reset = self.store.reset(&self.prefix).await.map_err(wrap::<S>);
            // What was charged meanwhile may have been removed.
            let marked = self.mark_reset().await;
            reset.and(marked)
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        Soon::later(self.end())
    }

    fn board(&self) -> Option<&dyn Board> {
        Some(self)
    }

    /// Counters have no room for tokens.
    fn recognises_retries(&self, strategy: &dyn Strategy) -> bool {
        !S::INCREMENT_WITHIN || strategy.counter_limit(Rate::per_second(1)).is_none()
    }

    fn resets(&self) -> Option<&Resets> {
        Some(&self.resets)
    }
}

impl<S> fmt::Debug for Stored<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("prefix", &self.prefix)
            .field("client", &self.client)
            .field("persistent", &self.persistent)
            .finish_non_exhaustive()
    }
}
