//! The memory backend: exact, in this process, without setup.
//!
//! The backend is a table of states by fingerprint. The files, in the order in which a request uses them:
//!
//! | file | contents |
//! |---|---|
//! | `fast_path` | decisions on one limit of one identity, without a lock if the identity is known |
//! | `locked` | decisions on any number of identities and limits, under the locks of their pages |
//! | `table` | how a state is stored in a cell of a page |
//! | `bounds`, `room` | the maximum of states and bytes; space for new states, by expiry and eviction |
//! | `directory`, `index`, `segment` | the page of a fingerprint, the references to pages, and their allocation |
//! | `page` | 42 cells of 24 bytes with one version, which is also the lock |
//! | `overflow` | states that do not fit into a cell |
//! | `evicted`, `class`, `slice`, `sketch` | the usage of evicted states, by limit and by the time at which it ends |
//! | `forget`, `exceptions` | resets of identities, and what sketches contain of these identities |
//! | `concurrency` | requests in flight |
//! | `coarse_time` | the coarse clock for long periods, and the exact clock for others |

mod bounds;
mod class;
mod coarse_time;
mod concurrency;
mod directory;
mod engine;
mod evicted;
mod exceptions;
mod fast_path;
mod forget;
mod in_flight;
mod index;
mod locked;
mod overflow;
mod page;
mod room;
mod segment;
mod sketch;
mod slice;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::{Backend, Charge, ConcurrencyStore, Mode, Reply, Resets, Verdict};
use crate::clock::Clock;
use crate::util::fingerprint::Secret;
use crate::util::now_or_later::NowOrLater;
use bounds::Bounds;
use coarse_time::Time;
pub use engine::Engine;
pub(in crate::backend) use engine::Taken;
pub(crate) use fast_path::FastPath;
use in_flight::InFlight;
use table::Table;

/// A backend that keeps states in this process: exact, without setup. The states are lost when the process
/// ends.
///
/// - Keys are not stored. A key is hashed once, under a random secret of this process, and 63 bits of the
///   hash identify its state. With n identities, a new identity shares the bucket of another one with a
///   probability of n / 2^63.
/// - Each limit of an identity has one state. A state takes 24 bytes in a page of 42 states, and pages are
///   between half full and full. States with lists additionally take the memory of their lists.
/// - Decisions on one limit of a known identity take no lock. Other decisions lock the pages of their
///   identities.
/// - Expired states are reclaimed as part of normal work, where space is needed. There is no background task.
/// - At most [`max_keys`](MemoryBuilder::max_keys) states are kept, in at most
///   [`max_bytes`](MemoryBuilder::max_bytes). If there is no space for a new state, another state is
///   [evicted](#eviction). Evictions are [counted](Memory::evictions).
/// - Permits of requests in flight are kept beside the states until the requests end. They neither expire nor
///   are evicted, and a reset does not release them.
/// - For long periods, the time is that of the kernel's last tick, which is 1 to 10 milliseconds late. A
///   denial may last longer by that much. A client that has waited is admitted, because the exact time is
///   read in the last second of a wait. [`MemoryBuilder::clock`] defines which periods are long.
///
/// # Eviction
///
/// A state that has used little of its limit is evicted before one that has used much. Its usage is kept in
/// sketches: compact maps from identities to numbers. A sketch may contain more than the actual usage, but
/// never less. A client without a state begins with the usage that the sketches contain for it. Two
/// guarantees follow:
///
/// - **An evicted client is never admitted more than its limit**, whatever its strategy, the number of its
///   limits, and the other throttles of the backend.
/// - **At most 1 of 1000 requests of honest clients is denied** because of another client's usage, while no
///   more evicted states are alive than:
///
///   | strategy | evicted states |
///   |---|---|
///   | `FixedWindow`, `TieredRate`, `TimeOfDay`, `Calendar`, `QuotaWithRollover` | 8 × `max_keys`; 6 × with a limit above 255 |
///   | `TokenBucket`, `TokenBucketWithDebt`, `LeakyBucket`, `LeakyBucketQueue`, `Gcra` | 5 × `max_keys` |
///   | `SlidingWindowCounter`, `Adaptive` | 3 × `max_keys` |
///   | `SlidingWindowLog`, `PriorityQueue` | 5 × `max_keys`, where each state counts once for each eighth of a period in which it has requests |
///
/// Beyond that, the share grows with the usage of the evicted clients: a new client may begin with the
/// smallest usage in its part of a sketch.
///
/// The sketches take no memory until a state is evicted. They take at most 48 bytes for each of
/// [`max_keys`](MemoryBuilder::max_keys), or 2 MiB if that is more, but never more than three eighths of
/// [`max_bytes`](MemoryBuilder::max_bytes). Each limit of each throttle has its own sketches, and takes at
/// most three quarters of the memory that the other limits leave.
///
/// Usage in a sketch ends when it would have ended in the state. The exceptions below deny more requests,
/// never fewer:
///
/// | strategy | an evicted client that comes back |
/// |---|---|
/// | `SlidingWindowLog`, `PriorityQueue` | regains its units up to an eighth of the period later |
/// | `QuotaWithRollover` | loses the quota that carried over |
/// | `Adaptive`, if a limit needs more than 16 windows to grow back | may begin with its reduced limit later than the limit would have grown back |
/// | `CostBasedTokenBucket`, `LeakyBucketQueue` after requests of cost 2 or more | is denied until its bucket or queue would have been full or empty again |
/// | a custom strategy | is denied until its state would have ended |
///
/// Use a custom strategy only with a `max_keys` that is never reached. The same applies to limits beyond the
/// first 32,767 limits of different throttles that a backend sees, for example in a program that creates
/// throttles in a loop.
///
/// A [refund](Backend::refund) to an evicted client that has not come back is lost. A
/// [reset](Backend::forget) also deletes the usage in the sketches, for one evicted client per 2 KiB of sketches
/// at most, which are about 23,000 clients with the default `max_keys`. A reset of a further evicted client
/// lasts until the client is evicted again.
///
/// ```no_run
/// use throttle::{backend::Memory, registry};
///
/// # async fn example() -> Result<(), throttle::ConfigError> {
/// // The backend `memory` always exists. A declaration with that name replaces it.
/// registry().backend("memory", Memory::builder().max_keys(100_000).build()).install().await?;
/// # Ok(())
/// # }
/// ```
pub struct Memory(Arc<Engine>);

/// A builder for a [`Memory`] backend.
///
/// ```
/// use throttle::{ManualClock, backend::Memory};
///
/// let clock = ManualClock::new();
/// let memory = Memory::builder().max_keys(10_000).clock(clock.clone()).build();
/// assert!(memory.is_empty());
/// ```
#[derive(Debug)]
pub struct MemoryBuilder {
    max_keys: Option<usize>,
    max_bytes: Option<usize>,
    clock: Option<Arc<dyn Clock>>,
}

impl Memory {
    /// Creates a backend with the default settings: at most a million states in 256 MB, on the system's
    /// clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder, to create a backend with other settings.
    pub fn builder() -> MemoryBuilder {
        MemoryBuilder { max_keys: None, max_bytes: None, clock: None }
    }

    /// Returns the number of states: one for each limit of each identity. The number includes expired states
    /// that are not reclaimed yet.
    pub fn len(&self) -> usize {
        self.0.table.len()
    }

    /// Returns whether there are no states.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that are allocated for states and for the sketches of evicted states, including
    /// spare capacity.
    pub fn bytes(&self) -> usize {
        self.0.table.bytes()
    }

    /// Returns how many states were evicted before they expired.
    pub fn evictions(&self) -> u64 {
        self.0.table.evictions()
    }
}

impl MemoryBuilder {
    /// Sets the maximum number of states. Each limit of each identity has one state. The minimum is 64.
    ///
    /// A state takes 24 to 48 bytes, and additionally the memory of its list. The sketches of
    /// [evicted](Memory#eviction) states take up to 48 more bytes per key.
    ///
    /// # Default
    ///
    /// 1,000,000. If only [`max_bytes`](Self::max_bytes) is set, the default is one state for every 128 bytes
    /// of `max_bytes`. The backend never keeps more than one state for every 24 bytes of `max_bytes`.
    #[must_use]
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = Some(max_keys);
        self
    }

    /// Sets the maximum number of bytes for states, their lists, and the sketches of
    /// [evicted](Memory#eviction) states together. The minimum is 1 MiB.
    ///
    /// At the maximum, states with long lists are evicted first. Only
    /// [`SlidingWindowLog`](crate::strategy::SlidingWindowLog),
    /// [`PriorityQueue`](crate::strategy::PriorityQueue) and
    /// [`LeakyBucketQueue`](crate::strategy::LeakyBucketQueue) have lists. A list takes 16 bytes for each request
    /// that is admitted within a period. [`Memory::bytes`] returns what is allocated, and exceeds the maximum
    /// only during a decision. Permits for requests in flight, and about 200 bytes for each limit of each
    /// throttle, are not included.
    ///
    /// # Default
    ///
    /// 256 bytes for each of [`max_keys`](Self::max_keys), but at least 16 MiB. This is 256 MB if neither is
    /// set.
    ///
    /// ```
    /// use throttle::backend::Memory;
    ///
    /// let memory = Memory::builder().max_bytes(64 * 1024 * 1024).build();
    /// assert!(memory.bytes() <= 64 * 1024 * 1024);
    /// ```
    #[must_use]
    pub const fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Sets another source of time, such as a [`ManualClock`](crate::ManualClock).
    ///
    /// The clock's [coarse](Clock::coarse) time is used for limits whose period is at least 200 of its ticks
    /// and longer than a second.
    ///
    /// # Default
    ///
    /// [`SystemClock`](crate::SystemClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Creates the backend.
    pub fn build(self) -> Memory {
        let time = Time::new(self.clock);
        let table = Table::new(Bounds::new(self.max_keys, self.max_bytes), time.now());
        Memory(Arc::new(Engine {
            secret: *Secret::of_process(),
            table,
            time,
            in_flight: InFlight::new(),
            resets: Resets::default(),
        }))
    }
}

impl Backend for Memory {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        NowOrLater::now(Ok(self.0.decide_exactly(charges, mode)))
    }

    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        Some(self.0.decide_exactly(charges, mode))
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.refund_exactly(charges, at);
        NowOrLater::now(Ok(()))
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        self.0.forget_exactly(charges);
        NowOrLater::now(Ok(()))
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.resets.record_all(None);
        self.0.table.clear();
        self.0.resets.record_all(None);
        NowOrLater::now(Ok(()))
    }

    fn concurrency_store(&self) -> Option<&dyn ConcurrencyStore> {
        Some(self)
    }

    fn resets(&self) -> Option<&Resets> {
        Some(&self.0.resets)
    }

    fn engine(&self) -> Option<Arc<Engine>> {
        Some(Arc::clone(&self.0))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("len", &self.len())
            .field("max_keys", &self.0.table.max())
            .field("time", &self.0.time)
            .finish_non_exhaustive()
    }
}
