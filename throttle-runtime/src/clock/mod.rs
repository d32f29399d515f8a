//! Clocks: the system clock, and a clock for tests that is set by the test.

// Miri does not support the coarse clock.
#[cfg_attr(all(target_os = "linux", not(miri)), path = "linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(miri))), path = "portable.rs")]
mod monotonic;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::monotonic::Monotonic;
use crate::util::duration::micros;

/// A source of the time, in microseconds since the Unix epoch.
///
/// Windows are aligned to this clock, so that a window of a minute begins on the minute.
///
/// ```
/// use throttle::{Clock, ManualClock};
///
/// /// A clock that is a second behind another one.
/// #[derive(Debug)]
/// struct Late<C>(C);
///
/// impl<C: Clock> Clock for Late<C> {
///     fn now(&self) -> u64 {
///         self.0.now().saturating_sub(1_000_000)
///     }
/// }
///
/// assert_eq!(Late(ManualClock::at(5_000_000)).now(), 4_000_000);
/// ```
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the time in microseconds since the Unix epoch.
    fn now(&self) -> u64;

    /// Returns a time that is cheaper to read and lags behind [`now`](Self::now), usually by less than a
    /// [`tick`](Self::tick).
    ///
    /// # Default
    ///
    /// [`now`](Self::now).
    fn coarse(&self) -> u64 {
        self.now()
    }

    /// Returns by how many microseconds [`coarse`](Self::coarse) usually lags behind. 0 means that it is
    /// exact. Callers must tolerate a greater lag, because the ticks of a virtual machine can be late.
    ///
    /// # Default
    ///
    /// 0.
    fn tick(&self) -> u64 {
        0
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> u64 {
        (**self).now()
    }

    fn coarse(&self) -> u64 {
        (**self).coarse()
    }

    fn tick(&self) -> u64 {
        (**self).tick()
    }
}

/// The system clock: the machine's time is read once, and then continued by its monotonic clock.
///
/// It never jumps when the machine's time is set, because that must neither lift nor prolong a limit. On
/// Linux, [`coarse`](Clock::coarse) is the time of the kernel's last tick. A tick is 1 to 10 milliseconds
/// long. On other systems, `coarse` is exact.
///
/// ```
/// use throttle::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// let before = clock.now();
/// assert!(clock.now() >= before);
/// ```
#[derive(Debug, Clone)]
pub struct SystemClock {
    /// The machine's time at the start of the monotonic clock.
    epoch: u64,
    monotonic: Monotonic,
}

impl SystemClock {
    /// Creates a clock that starts with the machine's present time.
    pub fn new() -> Self {
        let monotonic = Monotonic::new();
        let now = micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Self { epoch: now.saturating_sub(monotonic.now()), monotonic }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> u64 {
        self.epoch + self.monotonic.now()
    }

    #[expect(clippy::inline_always, reason = "a call costs a tenth of a decision")]
    #[inline(always)]
    fn coarse(&self) -> u64 {
        self.epoch + self.monotonic.coarse()
    }

    fn tick(&self) -> u64 {
        self.monotonic.tick()
    }
}

/// A clock that stands still until it is moved, for tests that cover hours within microseconds.
///
/// Clones share one time.
///
/// ```
/// use std::time::Duration;
/// use throttle::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now() - before, 3_600_000_000);
/// clock.step_back(Duration::from_secs(3600));
/// assert_eq!(clock.now(), before);
/// ```
///
/// # Default
///
/// The first moment of 2026, in UTC.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Creates a clock that stands at the first moment of 2026, in UTC.
    pub fn new() -> Self {
        Self::at(1_767_225_600_000_000)
    }

    /// Creates a clock that stands at `micros` microseconds after the Unix epoch.
    pub fn at(micros: u64) -> Self {
        Self(Arc::new(AtomicU64::new(micros)))
    }

    /// Moves the time of all clones forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(micros(by)));
    }

    /// Moves the time of all clones back, like a system clock that is corrected.
    pub fn step_back(&self, by: Duration) {
        self.set(self.now().saturating_sub(micros(by)));
    }

    /// Sets the time of all clones, in microseconds since the Unix epoch.
    pub fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
