//! The generic cell rate algorithm: evenly spaced requests, with a tolerance.

use std::time::Duration;

use super::bucket::bucket_methods;
use super::{Strategy, backlog};
use crate::rate::Rate;

/// The generic cell rate algorithm: admits units at even intervals. `10/s` admits one unit every 100 ms. A
/// request may come early by up to the burst tolerance.
///
/// - **Admits** one unit per `period / limit`. A tolerance of n such intervals allows a burst of n + 1 units.
/// - **Worst burst** over any time t: 1 + (tolerance + t) × limit / period units, rounded down.
/// - **State**: the theoretical arrival time of the next unit, exact to a fraction of a microsecond.
/// - **Wait**: until the last of the request's units is due, minus the tolerance. A cost that exceeds 1 +
///   tolerance × limit / period never fits.
/// - **Remaining** is the number of units that fit now. [`next_after`](crate::Quota::next_after) is when one
///   more unit fits, and [`reset_after`](crate::Quota::reset_after) is when the whole burst is available
///   again.
///
/// If the clock steps back, waits become longer by that step. If the stored time is then more than twice as
/// far in the future as an admission can set it, the state is ignored.
///
/// Source: ITU-T I.371, appendix A (virtual scheduling).
///
/// ```
/// use std::time::Duration;
/// use throttle::{Rate, strategy::{Arrival, Gcra, State, Strategy}};
///
/// let rate = Rate::per_second(10);
/// let gcra = Gcra::new().tolerance(Duration::from_millis(500));
/// assert_eq!(gcra.step(&State::EMPTY, &Arrival::new(rate, 6, 0)).quota.remaining(), 0);
/// assert!(gcra.step(&State::EMPTY, &Arrival::new(rate, 7, 0)).quota.is_never());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gcra {
    burst: Burst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Burst {
    /// The number of microseconds that a unit may come early.
    Tolerance(u64),
    /// The number of units that are admitted immediately after a pause.
    Units(u64),
}

impl Default for Burst {
    fn default() -> Self {
        Self::Tolerance(0)
    }
}

impl Gcra {
    /// Creates a strategy without tolerance: units are admitted one at a time, evenly spaced.
    pub const fn new() -> Self {
        Self { burst: Burst::Tolerance(0) }
    }

    /// Sets how early a unit may come, rounded down to whole microseconds. This replaces
    /// [`burst`](Self::burst).
    ///
    /// # Default
    ///
    /// Zero.
    #[must_use]
    pub const fn tolerance(self, tolerance: Duration) -> Self {
        let micros = tolerance.as_micros();
        #[expect(clippy::cast_possible_truncation, reason = "checked")]
        let micros = if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 };
        Self { burst: Burst::Tolerance(micros) }
    }

    /// Sets how many units are admitted immediately after a pause. The tolerance is derived from this number
    /// and the rate. This replaces [`tolerance`](Self::tolerance).
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, Gcra, State, Strategy}};
    ///
    /// let step = Gcra::new().burst(6).step(&State::EMPTY, &Arrival::new(Rate::per_second(10), 6, 0));
    /// assert_eq!((step.quota.fits(), step.quota.next_after().as_millis()), (true, 100));
    /// ```
    ///
    /// # Default
    ///
    /// 1, unless a tolerance is set.
    ///
    /// # Panics
    ///
    /// If `units` is 0. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn burst(self, units: u64) -> Self {
        assert!(units > 0, "a burst of 0 rejects every request: write at least 1");
        Self { burst: Burst::Units(units) }
    }

    /// Returns the tolerance plus one interval: how far the theoretical arrival time may be in the future.
    const fn capacity(self, rate: Rate) -> u128 {
        match self.burst {
            Burst::Tolerance(micros) => micros as u128 * rate.limit() as u128 + backlog::capacity(1, rate),
            Burst::Units(units) => backlog::capacity(units, rate),
        }
    }
}

impl Strategy for Gcra {
    fn name(&self) -> &'static str {
        "gcra"
    }

    bucket_methods!();
}
