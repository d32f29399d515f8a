//! The generic cell rate algorithm: evenly spaced, with a tolerance.

use std::time::Duration;

use super::{Arrival, Plan, State, Step, Strategy, Summary, Usage, backlog, summary};
use crate::Rate;

/// The generic cell rate algorithm: units are admitted an even interval apart, `10/s` is one each 100 ms,
/// and a request may come up to the burst tolerance early.
///
/// - **Admits** one unit per `period / limit`. A tolerance of n such intervals lets n + 1 units pass at once.
/// - **Worst burst** over any time t: 1 + (tolerance + t) × limit / period units, rounded down.
/// - **State**: the theoretical arrival time of the next unit, exact to a fraction of a microsecond.
/// - **Wait**: until the last of the request's units is due, less the tolerance. A cost that exceeds
///   1 + tolerance × limit / period never fits.
/// - **Remaining** is what fits right now; [`next_after`](crate::Quota::next_after) is when one more would,
///   [`reset_after`](crate::Quota::reset_after) when the burst is whole again.
///
/// A clock that steps back makes everybody wait that much longer, as long as the stored time is not further
/// ahead than twice what an admission can have set; after a longer step the state is none.
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
    /// Microseconds that a unit may come early.
    Tolerance(u64),
    /// Units that pass at once.
    Units(u64),
}

impl Default for Burst {
    fn default() -> Self {
        Self::Tolerance(0)
    }
}

impl Gcra {
    /// Evenly spaced, without tolerance: units pass one at a time.
    pub const fn new() -> Self {
        Self { burst: Burst::Tolerance(0) }
    }

    /// How early a unit may come (cut to whole microseconds).
    #[must_use]
    pub const fn tolerance(self, tolerance: Duration) -> Self {
        let micros = tolerance.as_micros();
        #[expect(clippy::cast_possible_truncation, reason = "checked")]
        let micros = if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 };
        Self { burst: Burst::Tolerance(micros) }
    }

    /// How many units pass at once after a pause; the tolerance that makes this so is derived from the rate.
    ///
    /// # Panics
    ///
    /// If `units` is 0: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn burst(self, units: u64) -> Self {
        assert!(units > 0, "a burst of 0 lets nothing through: write at least 1");
        Self { burst: Burst::Units(units) }
    }

    /// The tolerance and one interval: how far ahead of now the theoretical arrival time may get.
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

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        backlog::step(state, arrival, self.capacity(arrival.rate))
    }

    fn plan(&self, rate: Rate) -> Option<Plan> {
        backlog::plan(self.capacity(rate), rate)
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        backlog::script(arrival, self.capacity(arrival.rate))
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        backlog::refund(state, arrival, elapsed)
    }

    fn summary(&self) -> Summary {
        Summary::Backlog
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::backlog(self, usages, arrival)
    }
}
