//! Where instances of a service leave short words for one another.

use std::time::Duration;

use super::Reply;

/// A place for short words that all instances of a service read, each with a time to live: what a backend needs so
/// that [circuit breakers](crate::CircuitBreaker::shared) can be shared through it.
///
/// Nothing relies on a word. One that is lost, that comes late, or that cannot be read costs some requests which
/// another instance could have spared; so nothing here has to be atomic or to last.
///
/// `Redis`, `Memcached` and [`Stored`](super::Stored) have one. A backend of your own says that it has with
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
    /// Leaves a word under a name, in place of what was there, for that time. A name is any text.
    fn post<'a>(&'a self, name: &'a str, word: u64, ttl: Duration) -> Reply<'a, ()>;

    /// The word under a name, if there is one whose time is not over. What is no word counts as none.
    fn read<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>>;

    /// Removes what is under a name, if anything is.
    fn remove<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
}
