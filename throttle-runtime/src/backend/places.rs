//! Places of requests that are in flight: what a backend needs to limit how many there are at once.

use std::fmt;
use std::time::Duration;

use super::Reply;
use super::memory::Taken;
use crate::Key;

/// Where it is known how many requests of each identity are in flight.
///
/// `Memory` and `Redis` know it. A backend of your own says that it does with
/// [`Backend::places`](super::Backend::places). What it promises:
///
/// - **Exact**: of any number of requests that ask at once, as many have a place as there are.
/// - **Free again** as soon as what was [held](Held) is dropped, whatever became of the request; and after the
///   [lease](Place::lease), if the process is gone that held it.
/// - **Cancel safe**: who drops a reply before it is there holds no place.
///
/// ```
/// use std::time::Duration;
/// use throttle::backend::{Backend, Memory, Place};
///
/// # async fn example() -> Result<(), throttle::BackendError> {
/// let memory = Memory::new();
/// let places = memory.places().expect("it has them");
/// let alice = "alice".into();
/// let place = Place::new("exports", &alice, 1, Duration::from_secs(60));
/// let held = places.take(&place).await?;
/// assert!(held.is_some() && places.take(&place).await?.is_none());
/// drop(held);
/// assert!(places.take(&place).await?.is_some());
/// # Ok(())
/// # }
/// ```
pub trait Places: Send + Sync {
    /// Takes a place; `None` if all are taken. Who may have 0 of them only asks whether this works.
    fn take<'a>(&'a self, place: &'a Place<'a>) -> Reply<'a, Option<Held>>;
}

/// A place that a request asks for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Place<'a> {
    /// The registry's namespace and the throttle's uid. Places of different scopes never meet.
    pub scope: &'a str,
    /// Who asks.
    pub key: &'a Key,
    /// How many places they have in all.
    pub limit: u32,
    /// After which time the place of a process that is gone is free again, at least a millisecond. Who is still there
    /// keeps it for as long as it takes.
    pub lease: Duration,
}

impl<'a> Place<'a> {
    /// A place, for tests of backends.
    pub const fn new(scope: &'a str, key: &'a Key, limit: u32, lease: Duration) -> Self {
        Self { scope, key, limit, lease }
    }
}

/// A place that is taken until this is dropped.
#[must_use = "the place is free again when this is dropped"]
pub struct Held {
    // Never read: it is there to be dropped.
    _by: By,
}

/// The first is not boxed, as it is there for every request.
#[expect(dead_code, reason = "they are there to be dropped")]
enum By {
    Memory(Taken),
    Other(Box<dyn Send + Sync>),
}

impl Held {
    /// Held until this value is dropped, which frees the place.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use throttle::backend::Held;
    ///
    /// let guard = Arc::new(());
    /// let held = Held::new(Arc::clone(&guard));
    /// drop(held);
    /// assert_eq!(Arc::strong_count(&guard), 1);
    /// ```
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self { _by: By::Other(Box::new(guard)) }
    }

    pub(super) const fn in_memory(taken: Taken) -> Self {
        Self { _by: By::Memory(taken) }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}
