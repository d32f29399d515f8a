//! The contract for storage of one's own, and the backend that it becomes.

mod board;
mod client;
mod digits;
mod held;
mod holding;
mod judge;
mod name;
mod native;
mod patience;
mod record;
mod stored;
mod transaction;
mod turns;

use std::time::Duration;

pub use stored::Stored;

use crate::ErrorKind;

/// Storage of one's own: a table of texts with an expiry, counters and locks, from which [`Stored`] makes a
/// backend on which every strategy is exact.
///
/// Methods are written as `async fn`. None of them may block the thread, and all of them bear being dropped
/// half-way. `examples/dict_backend` is a whole one, `examples/pooled_store` one in a database.
///
/// - **Keys** are at most 200 ASCII letters, digits, `.`, `_`, `-` and `:`, and their case matters. A store keeps all
///   of each key. Values and locks never have the same key, so one table may hold both.
/// - **Values** are ASCII texts, of up to 64 KiB. What a backend stores for a limit is 20 to 40 bytes; what
///   strategies with lists store takes up to 12 bytes a request.
/// - **Times to live** are rounded up to what the store can keep, by less than a second; what has expired is
///   as good as never written.
///
/// The feature `testkit` has the tests that go with it: `testkit::conformance!`, one per promise.
///
/// # What a decision costs
///
/// A denial, and a question, is one read. An admission takes a lock beside that, reads again, writes and
/// unlocks; with a [`compare_and_set`](Self::compare_and_set) of the store's own it is one read and one write.
/// All the limits of a throttle are one value, whatever their number. Counters are no part of it: they
/// complete the contract for those who keep more in their store.
pub trait Store: Send + Sync + 'static {
    /// What goes wrong here. It becomes the source of a [`BackendError`](crate::BackendError); one that is a
    /// `BackendError` already stays what it is.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Whether [`compare_and_set`](Self::compare_and_set) is the store's own: one step, without a lock. Then
    /// decisions take no locks.
    const COMPARE_AND_SET: bool = false;

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

    /// Gives what is stored another time to live. Does nothing if nothing is.
    fn expire(&self, key: &str, ttl: Duration) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Adds to a counter in one step, whatever comes at the same time, and answers with the sum. A counter that
    /// is not there begins at 0 and does not expire; one that is keeps its expiry. Its value is read as a
    /// decimal number.
    fn increment(&self, key: &str, by: i64) -> impl Future<Output = Result<i64, Self::Error>> + Send;

    /// The same with a minus: below 0 it goes on with negative numbers.
    fn decrement(&self, key: &str, by: i64) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        self.increment(key, by.saturating_neg())
    }

    /// Takes a lock if it is free, without waiting, until it is [unlocked](Self::unlock) or `ttl` has passed:
    /// so one whose holder died is free again. `None` if somebody else holds it.
    ///
    /// The answer is the fencing token of this holder: greater than that of every one before.
    fn try_lock(
        &self,
        key: &str,
        ttl: Duration,
    ) -> impl Future<Output = Result<Option<u64>, Self::Error>> + Send;

    /// Frees a lock if the holder with this token still has it. `false` if it does not: the lock is then left
    /// to whoever has it now.
    fn unlock(&self, key: &str, token: u64) -> impl Future<Output = Result<bool, Self::Error>> + Send;

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

    /// [`increment`](Self::increment), with a time to live from the call that creates the counter; later ones
    /// leave it.
    ///
    /// Unless a store has a better way it is done under a lock.
    fn increment_with_ttl(
        &self,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> impl Future<Output = Result<i64, Self::Error>> + Send {
        native::increment_with_ttl(self, key, by, ttl)
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
