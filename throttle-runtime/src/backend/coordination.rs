//! A small key-value storage that the instances of a service share. Alone because it is one public trait.

use std::time::Duration;

use super::Reply;

/// A storage for small values that all instances of a service read, each with a time to live. [Shared circuit
/// breakers](crate::CircuitBreaker::shared) need it.
///
/// No guarantee depends on a value. If a value is lost, late or unreadable, an instance sends a few requests
/// that another instance could have saved it. Therefore the operations need not be atomic, and values need
/// not be durable.
///
/// The backends `Redis`, `Memcached` and [`StoreBackend`](super::StoreBackend) have such a storage. A custom
/// backend provides one through [`Backend::coordination_store`](super::Backend::coordination_store).
///
/// ```
/// use std::time::Duration;
/// use throttle::BackendError;
/// use throttle::backend::CoordinationStore;
///
/// async fn announce(store: &dyn CoordinationStore) -> Result<(), BackendError> {
///     store.put("maintenance", 7, Duration::from_secs(60)).await?;
///     assert_eq!(store.get("maintenance").await?, Some(7));
///     store.delete("maintenance").await
/// }
/// ```
///
/// # Errors
///
/// A reply is an error if the storage is unreachable or rejects the call.
pub trait CoordinationStore: Send + Sync {
    /// Stores a value under a name for the time `ttl`, and replaces the previous value. A name is any text.
    fn put<'a>(&'a self, name: &'a str, value: u64, ttl: Duration) -> Reply<'a, ()>;

    /// Returns the value under a name. An expired or unreadable value counts as absent.
    fn get<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>>;

    /// Deletes the value under a name, if there is one.
    fn delete<'a>(&'a self, name: &'a str) -> Reply<'a, ()>;
}
