//! In this process: exact, and without anything to set up.

mod bounds;
mod class;
mod directory;
mod evicted;
mod exact;
mod exceptions;
mod fast;
mod forget;
mod in_flight;
mod index;
mod page;
mod room;
mod segment;
mod sketch;
mod slice;
mod spilled;
mod table;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;
use std::sync::Arc;

use self::bounds::Bounds;
pub(crate) use self::fast::Short;
use self::in_flight::InFlight;
pub(in crate::backend) use self::in_flight::Taken;
use self::table::Table;
use self::time::Time;
use super::{Backend, Charge, Mode, Places, Reply, Resets, Verdict};
use crate::Soon;
use crate::clock::Clock;
use crate::fingerprint::Secret;

/// State in this process: exact, without anything to set up, and gone when the process ends.
///
/// - An identity is hashed once, under a secret of this process that nobody can predict; no keys are kept. A
///   state is found by 63 bits of the hash, so that among n identities a new one meets another's bucket with a
///   probability of n / 2^63.
/// - A state takes 24 bytes in a page of 42, one for each limit of a throttle; pages are between half and
///   completely full. States with lists take what their lists take beside that.
/// - Decisions on one limit of a known identity take no lock. Others lock the pages of their identities.
/// - Expired states are reclaimed where room is needed, as part of normal work; there is no background task.
/// - At most [`max_keys`](MemoryBuilder::max_keys) states are kept, in at most [`max_bytes`](MemoryBuilder::max_bytes).
///   When a new state finds no room, another state is [evicted](#eviction). Evictions are [counted](Memory::evictions).
/// - Slots of requests in flight are kept beside the states until the requests end. They neither expire nor are
///   evicted, and a reset does not free them.
/// - For long periods, the time is that of the kernel's last tick, 1 to 10 milliseconds late. A denial may last longer
///   by that much. A client that has waited is admitted, because the exact time is read in the last second of a wait.
///   [`MemoryBuilder::clock`] defines which periods are long.
///
/// # Eviction
///
/// A state that has used little of its limit is evicted before one that has used much. Its usage is kept in sketches:
/// compact maps from identities to numbers, which may contain more than was used, but never less. A client without a
/// state begins with the usage that the sketches contain for it. Two numbers follow:
///
/// - **An evicted client is never admitted more than its limit**, whatever its strategy, the number of its limits, and
///   the other throttles of the backend.
/// - **At most 1 of 1000 requests of honest clients is denied** because of another client's usage, while no more evicted
///   states are alive than:
///
///   | strategy | evicted states |
///   |---|---|
///   | `FixedWindow`, `TieredRate`, `TimeOfDay`, `Calendar`, `QuotaWithRollover` | 8 × `max_keys`; 6 × with a limit above 255 |
///   | `TokenBucket`, `TokenBucketWithDebt`, `LeakyBucket`, `LeakyBucketQueue`, `Gcra` | 5 × `max_keys` |
///   | `SlidingWindowCounter`, `Adaptive` | 3 × `max_keys` |
///   | `SlidingWindowLog`, `PriorityQueue` | 5 × `max_keys`, where each state counts once for each eighth of a period in which it has requests |
///
///   Beyond that, the share grows with the usage of the evicted clients: a new client may begin with the least usage in
///   its part of a sketch.
///
/// The sketches take no memory until a state is evicted. They take at most 48 bytes for each of
/// [`max_keys`](MemoryBuilder::max_keys), or 2 MiB if that is more, but never more than three eighths of
/// [`max_bytes`](MemoryBuilder::max_bytes). Each limit of each throttle has sketches of its own, and takes at most
/// three quarters of the memory that the other limits leave.
///
/// Usage in a sketch ends when it would have ended in the state. There are exceptions, which deny more and never less:
///
/// | strategy | an evicted client that comes back |
/// |---|---|
/// | `SlidingWindowLog`, `PriorityQueue` | gets its units back up to an eighth of the period later |
/// | `QuotaWithRollover` | loses what carried over |
/// | `CostBasedTokenBucket`, `LeakyBucketQueue` after requests of cost 2 or more | is denied until its bucket or queue would have been full or empty again |
/// | a strategy of your own | is denied until its state would have ended |
///
/// Such a strategy of your own should be used with a `max_keys` that is never reached. The same applies to every limit
/// after the first 32,767 limits of different throttles that a backend sees, such as those of a program that creates
/// throttles in a loop.
///
/// A [refund](Backend::refund) to an evicted client that has not come back is lost. A [reset](Backend::forget) also
/// applies to what sketches contain.
///
/// ```
/// use throttle::{ManualClock, backend::Memory};
///
/// let memory = Memory::builder().max_keys(10_000).clock(ManualClock::new()).build();
/// assert_eq!(memory.len(), 0);
/// ```
pub struct Memory(Arc<Engine>);

/// What a [`Memory`] backend is made of.
#[derive(Debug)]
pub struct Engine {
    secret: Secret,
    table: Table,
    time: Time,
    in_flight: InFlight,
    resets: Resets,
}

/// Settings of a [`Memory`] backend.
#[derive(Debug)]
pub struct MemoryBuilder {
    max_keys: Option<usize>,
    max_bytes: Option<usize>,
    clock: Option<Arc<dyn Clock>>,
}

impl Memory {
    /// A backend with the default settings: at most a million states in 256 MB, on the system's clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A backend with other settings.
    pub fn builder() -> MemoryBuilder {
        MemoryBuilder { max_keys: None, max_bytes: None, clock: None }
    }

    /// How many states there are, counting those that have expired and are not reclaimed yet: one for each
    /// limit of each identity.
    pub fn len(&self) -> usize {
        self.0.table.len()
    }

    /// Whether there are no states.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the states and the sketches of evicted states take, with the room for more that is reserved already.
    pub fn bytes(&self) -> usize {
        self.0.table.bytes()
    }

    /// How many live states were evicted.
    pub fn evictions(&self) -> u64 {
        self.0.table.evictions()
    }
}

impl MemoryBuilder {
    /// The most states that are kept, one for each limit of each identity. The minimum is 64.
    ///
    /// A state takes 24 to 48 bytes, and what its list takes. The sketches of [evicted](Memory#eviction) states take up
    /// to 48 bytes per key more.
    ///
    /// # Default
    ///
    /// 1,000,000. If only [`max_bytes`](Self::max_bytes) is set, one state for every 128 bytes of it.
    #[must_use]
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = Some(max_keys);
        self
    }

    /// The most bytes that states, their lists, and the sketches of [evicted](Memory#eviction) states take together. The
    /// minimum is 1 MiB.
    ///
    /// At the bound, states with long lists are evicted first. These are states of
    /// [`SlidingWindowLog`](crate::strategy::SlidingWindowLog) and [`PriorityQueue`](crate::strategy::PriorityQueue),
    /// whose lists take 16 bytes for each request that is admitted within a period. Other states have no lists.
    /// [`Memory::bytes`] returns what is allocated, and exceeds the bound only during a decision. Not included are permits
    /// for requests in flight, and about 200 bytes for each limit of each throttle.
    ///
    /// # Default
    ///
    /// 256 bytes for each of [`max_keys`](Self::max_keys), but at least 16 MiB. This is 256 MB if nothing is set.
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

    /// Another source of time, such as a [`ManualClock`](crate::ManualClock).
    ///
    /// Its [coarse](Clock::coarse) time is used for limits whose period is at least 200 of its ticks.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The backend.
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
        Soon::now(Ok(self.0.decide_exactly(charges, mode)))
    }

    fn decide_at_once(&self, charges: &[Charge<'_>], mode: Mode) -> Option<Verdict> {
        Some(self.0.decide_exactly(charges, mode))
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.refund_exactly(charges, at);
        Soon::now(Ok(()))
    }

    fn forget<'a>(&'a self, charges: &'a [Charge<'a>]) -> Reply<'a, ()> {
        self.0.forget_exactly(charges);
        Soon::now(Ok(()))
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.resets.record_all(None);
        self.0.table.clear();
        self.0.resets.record_all(None);
        Soon::now(Ok(()))
    }

    fn places(&self) -> Option<&dyn Places> {
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
