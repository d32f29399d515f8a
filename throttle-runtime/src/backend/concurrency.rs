//! Concurrency limits: what a backend provides to limit the number of requests in flight.

use std::fmt;
use std::time::Duration;

use super::Reply;
use super::memory::Taken;
use crate::key::Key;

/// Counts the requests in flight of each identity, and limits their number.
///
/// `Memory` and `Redis` implement it. A custom backend provides it through
/// [`Backend::concurrency_store`](super::Backend::concurrency_store). An implementation guarantees:
///
/// - **Exact**: an identity never holds more permits than its limit, whatever the number of concurrent calls.
/// - **Released on drop**: the permit is free again when [`ConcurrencyPermit`] is dropped, whatever the result of the
///   request. If the process that holds the permit has ended, the permit is free again after the
///   [`ttl`](PermitRequest::ttl).
/// - **Cancel safe**: a reply that is dropped before it is ready holds no permit.
///
/// ```
/// use std::time::Duration;
/// use throttle::backend::{Backend, Memory, PermitRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), throttle::BackendError> {
/// let memory = Memory::new();
/// let store = memory.concurrency_store().expect("`Memory` has concurrency limits");
/// let alice = "alice".into();
/// let request = PermitRequest::new("exports", &alice, 1, Duration::from_secs(60));
/// let permit = store.try_acquire(&request).await?;
/// assert!(permit.is_some() && store.try_acquire(&request).await?.is_none());
/// drop(permit);
/// assert!(store.try_acquire(&request).await?.is_some());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A reply is an error if the backend cannot acquire a permit, for example because its store is unreachable. An
/// error that is marked with [`safe_to_retry`](crate::BackendError::safe_to_retry) acquired no permit.
pub trait ConcurrencyStore: Send + Sync {
    /// Acquires a permit, or returns `None` if all permits are in use. With a limit of 0, the call acquires
    /// nothing; it only tests whether the backend works.
    fn try_acquire<'a>(&'a self, request: &'a PermitRequest<'a>) -> Reply<'a, Option<ConcurrencyPermit>>;
}

/// A request for one permit.
///
/// ```
/// use std::time::Duration;
/// use throttle::{Key, backend::PermitRequest};
///
/// let alice = Key::new("alice");
/// let request = PermitRequest::new("exports", &alice, 2, Duration::from_secs(60));
/// assert_eq!((request.scope, request.limit), ("exports", 2));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PermitRequest<'a> {
    /// The registry's namespace and the throttle's uid. Requests of different scopes never share permits.
    pub scope: &'a str,
    /// The key whose requests are counted.
    pub key: &'a Key,
    /// How many permits the key has in total: its concurrency limit.
    pub limit: u32,
    /// The time after which a permit is free again if its process has ended, at least one millisecond. A
    /// process that is still running keeps the permit as long as it needs it.
    pub ttl: Duration,
}

impl<'a> PermitRequest<'a> {
    /// Creates a request for a permit. It is meant for tests of backends.
    pub const fn new(scope: &'a str, key: &'a Key, limit: u32, ttl: Duration) -> Self {
        Self { scope, key, limit, ttl }
    }
}

/// A permit for one request in flight. It is released when this value is dropped.
///
/// ```
/// use std::sync::Arc;
/// use throttle::backend::ConcurrencyPermit;
///
/// let guard = Arc::new(());
/// let permit = ConcurrencyPermit::new(Arc::clone(&guard));
/// assert_eq!(Arc::strong_count(&guard), 2);
/// drop(permit);
/// assert_eq!(Arc::strong_count(&guard), 1);
/// ```
#[must_use = "the permit is released when it is dropped"]
pub struct ConcurrencyPermit {
    // Never read; only its `Drop` matters.
    _by: By,
}

/// `Memory` is not boxed, because a permit in memory is acquired for every request.
#[expect(dead_code, reason = "they are there to be dropped")]
enum By {
    Memory(Taken),
    Other(Box<dyn Send + Sync>),
}

impl ConcurrencyPermit {
    /// Creates a permit that owns `guard`. The `Drop` of the guard releases the permit in the backend.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { _by: By::Other(Box::new(guard)) }
    }

    pub(super) const fn in_memory(taken: Taken) -> Self {
        Self { _by: By::Memory(taken) }
    }
}

impl fmt::Debug for ConcurrencyPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConcurrencyPermit")
    }
}
