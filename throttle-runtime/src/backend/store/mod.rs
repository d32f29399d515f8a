//! The `Store` trait for custom storage, and the backend that is built from it.
//!
//! All limits of an identity are one record under one key. So a decision of one throttle reads and writes one
//! value, however many limits it has.
//!
//! | file | contents |
//! |---|---|
//! | `store_backend` | the backend |
//! | `defaults`, `increment` | default implementations of optional methods |
//! | `evaluate` | decisions on records, as pure functions |
//! | `transaction` | read, evaluate and write, isolated from other decisions |
//! | `record_guard`, `record_lock` | exclusive access to several records, and the hold on one record |
//! | `counting`, `counter` | fixed windows as numbers, which one call decides |
//! | `slot` | whether the states of an identity are a record or a counter |
//! | `record`, `varint`, `keys` | the encoding of a record, and its key |
//! | `recent` | the tokens by which a record recognises a retry |
//! | `client`, `backoff`, `keyed_mutex` | calls of the store, pauses, and the queue of this process |
//!
//! A decision first evaluates what it reads, without a hold. A denial or a query ends there. A decision that
//! will write holds the records, in the order of their names, and evaluates them again. With compare-and-set, a
//! hold needs no lock: a mark with an expiry is written into each record, and is part of the compared value.

mod backoff;
mod client;
mod coordination;
mod counter;
mod counting;
mod defaults;
mod evaluate;
mod increment;
mod keyed_mutex;
mod keys;
mod recent;
mod record;
mod record_guard;
mod record_lock;
mod slot;
mod store_backend;
mod transaction;
mod varint;

use std::time::Duration;

pub use increment::{Increment, increment_or_take_back};
pub use store_backend::StoreBackend;

use crate::error::ErrorKind;

/// Custom storage: a key-value table of texts with expiry. [`StoreBackend`] builds a backend from it, on which
/// every strategy is exact.
///
/// A store implements `get`, `set`, `delete`, `reset`, and one way to change a value atomically:
///
/// | the store has | it implements | calls per admission |
/// |---|---|---|
/// | a compare-and-set | [`compare_and_set`](Self::compare_and_set), and sets [`COMPARE_AND_SET`](Self::COMPARE_AND_SET) | 2 calls |
/// | locks | [`try_lock`](Self::try_lock) and [`unlock`](Self::unlock) | 5 calls |
/// | atomic increments, in addition to one of these | [`increment_within`](Self::increment_within) or [`increment_with_ttl`](Self::increment_with_ttl), and sets [`INCREMENT_WITHIN`](Self::INCREMENT_WITHIN) | 1 call for fixed windows |
///
/// All other methods have defaults. A store overrides them if it has a faster implementation.
///
/// Methods are written as `async fn`. A method must not block the thread, and its future may be dropped at
/// any point. `examples/dict_backend` is a complete store, and `integrations/examples/pooled_store` is a store in a
/// database.
///
/// - **Keys** are at most 200 ASCII letters, digits, `.`, `_`, `-` and `:`. They are case-sensitive. A store
///   must not shorten a key. Values and locks never have the same key, so one table may hold both.
/// - **Values** are ASCII texts of up to 64 KiB. A limit takes 20 to 40 bytes. The list of a strategy that
///   has one takes up to 12 bytes for each of at most about 1,000 entries.
/// - **Times to live** may be rounded up to what the store supports, by less than a second. An expired value
///   counts as missing.
///
/// The feature `testkit` contains tests for stores: `testkit::conformance!` runs one test per requirement.
///
/// ```
/// use std::{collections::HashMap, convert::Infallible, sync::Mutex, time::Duration};
/// use throttle::backend::{Store, StoreBackend};
/// use throttle::{Settings, registry};
///
/// /// A map whose values do not expire, for short tests.
/// #[derive(Default)]
/// struct Shelf(Mutex<HashMap<String, String>>);
///
/// impl Store for Shelf {
///     type Error = Infallible;
///     const COMPARE_AND_SET: bool = true;
///
///     async fn compare_and_set(
///         &self,
///         key: &str,
///         expected: Option<&str>,
///         value: &str,
///         _ttl: Option<Duration>,
///     ) -> Result<bool, Infallible> {
///         let mut values = self.0.lock().expect("not poisoned");
///         let is_expected = values.get(key).map(String::as_str) == expected;
///         if is_expected {
///             values.insert(key.to_owned(), value.to_owned());
///         }
///         Ok(is_expected)
///     }
///     // and `get`, `set`, `delete` and `reset`
/// #     async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
/// #         Ok(self.0.lock().expect("not poisoned").get(key).cloned())
/// #     }
/// #     async fn set(&self, key: &str, value: &str, _: Option<Duration>) -> Result<(), Infallible> {
/// #         self.0.lock().expect("not poisoned").insert(key.to_owned(), value.to_owned());
/// #         Ok(())
/// #     }
/// #     async fn delete(&self, key: &str) -> Result<(), Infallible> {
/// #         self.0.lock().expect("not poisoned").remove(key);
/// #         Ok(())
/// #     }
/// #     async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
/// #         self.0.lock().expect("not poisoned").retain(|key, _| !key.starts_with(prefix));
/// #         Ok(())
/// #     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = registry().backend("shelf", StoreBackend::new(Shelf::default())).build().await?;
/// let exports = registry.create("exports", Settings::new().rate("1/day").backend("shelf"))?;
/// assert!(exports.hit("alice").await?.is_allowed());
/// assert!(exports.hit("alice").await?.is_throttled());
/// # Ok(())
/// # }
/// ```
///
/// # Calls per decision
///
/// The table contains the calls of a decision on one identity, with any number of limits and no competing
/// decision:
///
/// | decision | locks | compare-and-set | with `INCREMENT_WITHIN`, fixed windows |
/// |---|---|---|---|
/// | admission | 5: `multi_get`, `get_lock`, `multi_get`, `multi_set`, `unlock` | 2: `get`, `compare_and_set` | 1: `increment_within` |
/// | denial | 1: `multi_get` | 1: `get` | 1: `increment_within` |
/// | peek, or a cost above the limit | 1: `multi_get` | 1: `get` | 1: `get` or `multi_get` |
/// | reset of one identity | 5 | 2 | locks: 9, compare-and-set: 7 |
/// | refund | 6: `get` first | 3: `get` first | locks: 10, compare-and-set: 8 |
///
/// "Fixed windows" are throttles with a single limit by [`FixedWindow`](crate::strategy::FixedWindow) or
/// [`TieredRate`](crate::strategy::TieredRate) whose period is a second or more and whose limit is at most
/// 2^40. The first two columns apply to all other strategies, and to all throttles with several limits.
///
/// A decision on several identities, such as the decision of several throttles on one handler, holds all of
/// their records from the read to the write. An admission costs:
///
/// | | calls |
/// |---|---|
/// | compare-and-set | 1, and 3 for each identity |
/// | locks | 3, and 2 for each identity |
/// | locks, if increments count all identities | 1, and 4 for each identity |
///
/// # Counters
///
/// With `INCREMENT_WITHIN`, a fixed window is a number under the key of its window. A decision on several
/// identities holds such a number: it adds a gate that is larger than every limit, so that the store rejects
/// increments by other decisions meanwhile. The gate contains the time at which it ends, in case its holder
/// dies. Without `INCREMENT_WITHIN`, fixed windows are records, like all other states. Program instances with
/// different values of `INCREMENT_WITHIN` do not share their fixed windows. When you change it, also change
/// the [namespace](StoreBackend::namespace).
///
/// A number cannot store the tokens of requests. Therefore, a fixed window in such a store does not recognise
/// a request that is retried after a timeout.
///
/// # Errors
///
/// A method returns an error if the store is unreachable or cannot complete the operation. A missing key, a
/// held lock, an exceeded limit and a value other than the expected one are results, not errors.
pub trait Store: Send + Sync + 'static {
    /// The error type of the store. An error becomes the source of a [`BackendError`](crate::BackendError).
    /// If the error is already a `BackendError`, it is used unchanged.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Whether the store implements [`compare_and_set`](Self::compare_and_set) itself, as one atomic step
    /// without a lock. If `true`, decisions take no locks.
    ///
    /// # Default
    ///
    /// `false`.
    const COMPARE_AND_SET: bool = false;

    /// Whether the store implements [`increment_within`](Self::increment_within), or
    /// [`increment_with_ttl`](Self::increment_with_ttl), itself as one atomic step. If `true`, a decision of
    /// a fixed window is a single call.
    ///
    /// # Default
    ///
    /// `false`.
    const INCREMENT_WITHIN: bool = false;

    /// Returns the kind of failure that an error is.
    ///
    /// # Default
    ///
    /// [`ErrorKind::Store`].
    fn kind(error: &Self::Error) -> ErrorKind {
        let _ = error;
        ErrorKind::Store
    }

    /// Prepares the store, for example connects to it. It is called before the first use, and again until it
    /// succeeds.
    ///
    /// # Default
    ///
    /// Does nothing.
    fn initialize(&self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Returns whether the store can be used. It is called after [`initialize`](Self::initialize). If it
    /// returns `false`, the initialisation fails like that of an unreachable backend.
    ///
    /// # Default
    ///
    /// `true`.
    fn ready(&self) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        std::future::ready(Ok(true))
    }

    /// Closes the store, for example its connections. It is called once, after the last use.
    ///
    /// # Default
    ///
    /// Does nothing.
    fn close(&self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Deletes every value whose key begins with the literal text `prefix`, and no other value.
    fn reset(&self, prefix: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Returns the value of a key, if there is one.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Stores a value and replaces the previous one. With `ttl` of `None`, the value does not expire.
    fn set(
        &self,
        key: &str,
        value: &str,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Deletes a key, if it exists.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Adds `by` to the number at a key if the sum is at most `limit`. The operation is atomic. Returns the
    /// sum, or the present number if nothing was added. The same condition applies if `by` is negative: 5 - 1
    /// is not stored if the limit is 3.
    ///
    /// A missing key counts as 0, and so does a text that is not a number. The number is stored as decimal
    /// text, so that [`get`](Self::get) and [`compare_and_set`](Self::compare_and_set) can read it. The call
    /// that creates the number sets the time to live. Later calls may keep it, or set their own if that does
    /// not end earlier.
    ///
    /// A store that implements this method, or [`increment_with_ttl`](Self::increment_with_ttl), sets
    /// [`INCREMENT_WITHIN`](Self::INCREMENT_WITHIN).
    ///
    /// # Default
    ///
    /// Calls `increment_with_ttl`, and subtracts the units again if the sum exceeds the limit.
    /// [`increment_or_take_back`](super::increment_or_take_back) describes the consequences.
    fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<Increment, Self::Error>> + Send {
        defaults::increment_within(self, key, by, limit, ttl)
    }

    /// Adds `by`, which may be negative, to the number at a key, and returns the sum. The operation is
    /// atomic. The call that creates the number sets the time to live. Later calls may keep it, or set their
    /// own if that does not end earlier.
    ///
    /// Only the default of [`increment_within`](Self::increment_within) calls this method.
    ///
    /// # Default
    ///
    /// Uses [`compare_and_set`](Self::compare_and_set).
    fn increment_with_ttl(
        &self,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        defaults::increment_with_ttl(self, key, by, Some(ttl))
    }

    /// Adds `by` to the number at a key like [`increment_with_ttl`](Self::increment_with_ttl), but without a
    /// time to live.
    ///
    /// Decisions do not call this method. It is for programs that keep their own numbers in the store.
    ///
    /// # Default
    ///
    /// Uses [`compare_and_set`](Self::compare_and_set). The number does not expire afterwards.
    fn increment(&self, key: &str, by: i64) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        defaults::increment_with_ttl(self, key, by, None)
    }

    /// Subtracts `by` from the number at a key, and returns the difference. Decisions do not call this
    /// method.
    ///
    /// # Default
    ///
    /// Calls [`increment`](Self::increment) with the negative number.
    fn decrement(&self, key: &str, by: i64) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        self.increment(key, by.saturating_neg())
    }

    /// Sets another time to live for a stored value. Does nothing if the key is missing.
    ///
    /// Decisions do not call this method.
    ///
    /// # Default
    ///
    /// Uses [`compare_and_set`](Self::compare_and_set).
    fn expire(&self, key: &str, ttl: Duration) -> impl Future<Output = Result<(), Self::Error>> + Send {
        defaults::expire(self, key, ttl)
    }

    /// Takes a lock if it is free, without waiting. The lock is free again when it is
    /// [unlocked](Self::unlock) or when `ttl` has passed, so a holder that died does not block others.
    /// Returns `None` if the lock is held.
    ///
    /// Otherwise, returns the fencing token of this holder, which is greater than all earlier tokens.
    ///
    /// # Default
    ///
    /// Builds a lock from [`compare_and_set`](Self::compare_and_set). A store without
    /// [`COMPARE_AND_SET`](Self::COMPARE_AND_SET) must implement this method.
    fn try_lock(
        &self,
        key: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Option<u64>, Self::Error>> + Send {
        defaults::try_lock(self, key, ttl)
    }

    /// Releases a lock if the holder with this token still has it. Otherwise, returns `false`, and the
    /// present holder keeps the lock.
    ///
    /// # Default
    ///
    /// Uses [`compare_and_set`](Self::compare_and_set). A store without
    /// [`COMPARE_AND_SET`](Self::COMPARE_AND_SET) must implement this method.
    fn unlock(&self, key: &str, token: u64) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        defaults::unlock(self, key, token)
    }

    /// Takes a lock like [`try_lock`](Self::try_lock), and waits up to `timeout` if the lock is not free.
    ///
    /// # Default
    ///
    /// Calls [`try_lock`](Self::try_lock) repeatedly, at growing random intervals of up to 32 milliseconds.
    fn get_lock(
        &self,
        key: &str,
        ttl: Duration,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<u64>, Self::Error>> + Send {
        backoff::get_lock(self, key, ttl, timeout)
    }

    /// Returns the values of these keys, in the order of the keys.
    ///
    /// # Default
    ///
    /// Calls [`get`](Self::get) for one key after the other.
    fn multi_get(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<String>>, Self::Error>> + Send {
        defaults::multi_get(self, keys)
    }

    /// Stores these pairs of key and value, all with the same time to live. With `ttl` of `None`, the values
    /// do not expire.
    ///
    /// # Default
    ///
    /// Calls [`set`](Self::set) for one pair after the other.
    fn multi_set(
        &self,
        items: &[(&str, &str)],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        defaults::multi_set(self, items, ttl)
    }

    /// Stores a value if the present value is `expected`. `None` means that there is no value. The operation
    /// is atomic. Returns whether the value was stored.
    ///
    /// A store that implements this method sets [`COMPARE_AND_SET`](Self::COMPARE_AND_SET).
    ///
    /// # Default
    ///
    /// Compares and stores under a lock. Only other calls of this default respect that lock.
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        defaults::compare_and_set(self, key, expected, value, ttl)
    }
}
