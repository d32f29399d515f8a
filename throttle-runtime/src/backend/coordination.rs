//! A small key-value storage that the instances of a service share.

use std::time::Duration;

use super::Reply;

/// A storage for small values that all instances of a service read, each with a time to live. [Shared circuit
/// breakers](crate::CircuitBreaker::shared) need it.
///
/// No guarantee depends on a value. If a value is lost, late or unreadable, an instance sends a few requests
/// that another instance could have saved it. Therefore the operations need not be atomic, and values need
/// not be durable.
///
/// `Redis`, `Memcached` and [`StoreBackend`](super::Stored) implement it. A custom backend provides it through
/// [`Backend::board`](super::Backend::board).
///
/// ```
/// use std::time::Duration;
/// use throttle::BackendError;
/// use throttle::backend::Board;
///
/// async fn leave(board: &dyn Board) -> Result<(), BackendError> {
///     board.post("maintenance", 7, Duration::from_secs(60)).await?;
///     assert_eq!(board.read("maintenance").await?, Some(7));
///     board.remove("maintenance").await
/// }
/// ```
pub trait Board: Send + Sync {
    /// Stores a value under a name for the time `ttl`, and replaces the previous value. A name is any text.
    fn post<'a>(&'a self, name: &'a str, word: u64, ttl: Duration) -> Reply<'a, ()>;

    /// Returns the value under a name. An expired or unreadable value counts as absent.
    fn read<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>>;

    /// Deletes the value under a name, if there is one.
    fn remove<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
}
