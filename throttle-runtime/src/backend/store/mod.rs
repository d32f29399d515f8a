//! The contract for storage of one's own, and the backend that it becomes.

mod board;
mod client;
mod counter;
mod counting;
mod digits;
mod held;
mod holding;
mod increment;
mod judge;
mod name;
mod native;
mod patience;
mod recent;
mod record;
mod slot;
mod stored;
mod transaction;
mod turns;

use std::time::Duration;

pub use increment::{Increment, increment_or_take_back};
pub use stored::Stored;

use crate::ErrorKind;

/// Storage of your own: a table of texts with an expiry, from which [`Stored`] makes a backend on which every strategy is
/// exact.
///
/// A store implements `get`, `set`, `delete`, `reset`, and one way to change a value safely:
///
/// | a store that has | implements | an admission costs |
/// |---|---|---|
/// | a compare-and-set | [`compare_and_set`](Self::compare_and_set), and sets [`COMPARE_AND_SET`](Self::COMPARE_AND_SET) | 2 calls |
/// | locks | [`try_lock`](Self::try_lock) and [`unlock`](Self::unlock) | 5 calls |
/// | atomic increments, beside one of these | [`increment_within`](Self::increment_within) or [`increment_with_ttl`](Self::increment_with_ttl), and sets [`INCREMENT_WITHIN`](Self::INCREMENT_WITHIN) | 1 call for fixed windows |
///
/// All other methods have defaults, which a store overrides where it has something faster.
///
/// Methods are written as `async fn`. None of them may block the thread, and all of them must bear being dropped
/// half-way. `examples/dict_backend` is a whole store, `examples/pooled_store` one in a database.
///
/// - **Keys** are at most 200 ASCII letters, digits, `.`, `_`, `-` and `:`, and their case matters. A store keeps all
///   of each key. Values and locks never have the same key, so one table may hold both.
/// - **Values** are ASCII texts, of up to 64 KiB. A limit takes 20 to 40 bytes. The list of a strategy that has one takes
///   up to 12 bytes for each of at most about 1,000 entries.
/// - **Times to live** are rounded up to what the store can keep, by less than a second. An expired value counts as
///   missing.
///
/// The feature `testkit` has the tests that go with it: `testkit::conformance!`, one per promise.
///
/// # Calls per decision
///
/// These are the calls of a decision about one identity, with any number of limits and no competing decision:
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
/// [`TieredRate`](crate::strategy::TieredRate) whose period is a second or more and whose limit is at most 2^40. All other
/// strategies, and all throttles with several limits, are decided by the first two columns.
///
/// A decision about several identities, as several throttles on one handler make it, holds all of them from reading to
/// writing. Each identity costs 3 calls with a compare-and-set, or 2 with locks, and 2 more if it is counted by increments.
///
/// # Counters
///
/// With `INCREMENT_WITHIN`, a fixed window is a number under the key of its window. A decision about several identities
/// holds such a number by adding to it a gate that is larger than every limit, so that increments by others are refused
/// meanwhile. The gate contains the time at which it ends, in case its holder dies. Without `INCREMENT_WITHIN`, fixed windows
/// are records, as all other states are. Instances of a program that differ in it do not share their fixed windows: when
/// it changes, begin with another [namespace](Stored::namespace).
///
/// A number has no room to remember requests, so a fixed window in such a store cannot recognise a request that is retried
/// after a timeout.
pub trait Store: Send + Sync + 'static {
    /// What goes wrong here. It becomes the source of a [`BackendError`](crate::BackendError); one that is a
    /// `BackendError` already stays what it is.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Whether [`compare_and_set`](Self::compare_and_set) is the store's own: one step, without a lock. Then
    /// decisions take no locks.
    const COMPARE_AND_SET: bool = false;

    /// Whether [`increment_within`](Self::increment_within) is the store's own: one step, whatever comes at the same time.
    /// Then a decision of a fixed window is that one call.
    const INCREMENT_WITHIN: bool = false;

    /// What kind of failure an error is: [`ErrorKind::Store`] unless this says otherwise.
    fn kind(error: &Self::Error) -> ErrorKind {
        let _ = error;
        ErrorKind::Store
    }

    /// Called once before the first use: the place to connect. Does nothing unless this says otherwise.
    fn initialize(&self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether it can be used, asked after [`initialize`](Self::initialize): otherwise the program does not
    /// start. Always unless this says otherwise.
    fn ready(&self) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        std::future::ready(Ok(true))
    }

    /// Called once after the last use: the place to close connections. Does nothing unless this says
    /// otherwise.
    fn close(&self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Removes every value whose key begins with `prefix`, literally, and nothing else.
    fn reset(&self, prefix: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The value of a key, if there is one.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<String>, Self::Error>> + Send;

    /// Stores a value in place of what was there, with this time to live or none.
    fn set(
        &self,
        key: &str,
        value: &str,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes a key, if it is there.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Adds `by`, which may be negative, to the number at a key if the sum is no more than `limit`, in one step, whatever
    /// comes at the same time. Returns the sum, or the present number if it adds nothing.
    ///
    /// A key that is missing counts as 0, as does a text that is no number. The number is stored as decimal text, so that
    /// [`get`](Self::get) and [`compare_and_set`](Self::compare_and_set) see it. The call that creates it sets the time to
    /// live; later calls may leave it or set theirs, which ends no earlier.
    ///
    /// A store that has this, or an [`increment_with_ttl`](Self::increment_with_ttl) of its own, sets
    /// [`INCREMENT_WITHIN`](Self::INCREMENT_WITHIN).
    ///
    /// By default, it is made of `increment_with_ttl`: what exceeds the limit is taken back, as
    /// [`increment_or_take_back`](super::increment_or_take_back) describes.
    fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<Increment, Self::Error>> + Send {
        native::increment_within(self, key, by, limit, ttl)
    }

    /// Adds `by`, which may be negative, to the number at a key in one step, whatever comes at the same time, and returns the
    /// sum. The call that creates the number sets the time to live; later calls may leave it or set theirs, which ends no
    /// earlier.
    ///
    /// Only the default of [`increment_within`](Self::increment_within) calls it. By default, it is done by
    /// [`compare_and_set`](Self::compare_and_set).
    fn increment_with_ttl(
        &self,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        native::increment_with_ttl(self, key, by, Some(ttl))
    }

    /// Adds `by` to the number at a key as [`increment_with_ttl`](Self::increment_with_ttl) does, without a time to live.
    ///
    /// No decision calls it: it is for programs that keep numbers of their own in the store. By default, it is done by
    /// [`compare_and_set`](Self::compare_and_set), after which the number does not expire.
    fn increment(&self, key: &str, by: i64) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        native::increment_with_ttl(self, key, by, None)
    }

    /// Subtracts `by`, as [`increment`](Self::increment) of its negative does. No decision calls it.
    fn decrement(&self, key: &str, by: i64) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        self.increment(key, by.saturating_neg())
    }

    /// Gives a stored value another time to live, and does nothing if the key is missing.
    ///
    /// No decision calls it. By default, it is done by [`compare_and_set`](Self::compare_and_set).
    fn expire(&self, key: &str, ttl: Duration) -> impl Future<Output = Result<(), Self::Error>> + Send {
        native::expire(self, key, ttl)
    }

    /// Takes a lock if it is free, without waiting, until it is [unlocked](Self::unlock) or `ttl` has passed:
    /// so the lock of a holder that died is free again. Returns `None` if the lock is held.
    ///
    /// The answer is the fencing token of this holder: greater than that of every one before.
    ///
    /// Required unless the store compares and sets, of which a lock is made by default.
    fn try_lock(
        &self,
        key: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Option<u64>, Self::Error>> + Send {
        native::try_lock(self, key, ttl)
    }

    /// Frees a lock if the holder with this token still has it. Returns `false` if it does not: the lock is
    /// then left to its present holder.
    ///
    /// Required unless the store compares and sets.
    fn unlock(&self, key: &str, token: u64) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        native::unlock(self, key, token)
    }

    /// Takes a lock as [`try_lock`](Self::try_lock) does, and waits for it up to `timeout` if it is not free.
    ///
    /// Unless a store has a better way it is tried again and again, at growing random intervals.
    fn get_lock(
        &self,
        key: &str,
        ttl: Duration,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<u64>, Self::Error>> + Send {
        patience::get_lock(self, key, ttl, timeout)
    }

    /// The values of these keys, in their order.
    ///
    /// Unless a store has a better way they are asked for one after the other.
    fn multi_get(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<String>>, Self::Error>> + Send {
        native::multi_get(self, keys)
    }

    /// Stores these pairs of key and value, all with this time to live or none.
    ///
    /// Unless a store has a better way they are stored one after the other.
    fn multi_set(
        &self,
        items: &[(&str, &str)],
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        native::multi_set(self, items, ttl)
    }

    /// Stores a value if the present one is `expected`, where `None` means that there is none, in one step,
    /// whatever comes at the same time. Answers whether it was stored.
    ///
    /// A store that has this says so with [`COMPARE_AND_SET`](Self::COMPARE_AND_SET). For others it is done
    /// under a lock, which only others that call this heed.
    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        native::compare_and_set(self, key, expected, value, ttl)
    }
}
