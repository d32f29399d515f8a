//! The generic cell rate algorithm: evenly spaced, with a tolerance.

use std::time::Duration;

use super::{Arrival, State, Step, Strategy};
use crate::{Quota, Rate};

/// The generic cell rate algorithm: units are admitted an even interval apart, `10/s` is one each 100 ms,
/// and a request may come up to the burst tolerance early.
///
/// - **Admits** one unit per `period / limit`. A tolerance of n such intervals lets n + 1 units pass at once.
/// - **Worst burst** over any time t: 1 + (tolerance + t) × limit / period units, rounded down.
/// - **State**: the theoretical arrival time of the next unit, exact to a fraction of a microsecond.
/// - **Wait**: until the last of the request's units is due, less the tolerance. A cost that exceeds
///   1 + tolerance × limit / period never fits.
/// - **Remaining** is what fits right now; [`next_after`](Quota::next_after) is when one more would,
///   [`reset_after`](Quota::reset_after) when the burst is whole again.
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

    /// Tolerance and one interval in ticks: how far ahead of now the theoretical arrival time may get.
    const fn horizon(self, rate: Rate) -> u128 {
        let interval = rate.period_micros() as u128;
        match self.burst {
            Burst::Tolerance(micros) => micros as u128 * rate.limit() as u128 + interval,
            Burst::Units(units) => units as u128 * interval,
        }
    }
}

/// Time is counted in ticks of 1/limit microsecond, in which the interval between two units is a whole
/// number: the period in microseconds. So no rounding ever admits or denies anybody.
impl Strategy for Gcra {
    fn name(&self) -> &'static str {
        "gcra"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, .. } = *arrival;
        let interval = u128::from(rate.period_micros());
        let horizon = self.horizon(rate);
        let backlog = Some(backlog(state, arrival)).filter(|ahead| ahead / 2 <= horizon).unwrap_or(0);
        let after = backlog.saturating_add(interval.saturating_mul(u128::from(cost)));
        let units = |ticks: u128| u64::try_from(ticks / interval).unwrap_or(u64::MAX);
        let quota = if after <= horizon || cost == 0 {
            Quota::allowed(rate, units(horizon.saturating_sub(after)))
        } else if interval.saturating_mul(u128::from(cost)) > horizon {
            Quota::never(rate, units(horizon.saturating_sub(backlog)))
        } else {
            Quota::denied(rate, units(horizon.saturating_sub(backlog)), micros(after - horizon, rate))
        };
        let backlog = if quota.fits() { after } else { backlog };
        // One more unit fits as soon as what is free has grown to the next whole interval.
        let next = (u128::from(quota.remaining()) + 1).saturating_mul(interval);
        let next_after = micros(backlog.saturating_sub(horizon.saturating_sub(next)).min(backlog), rate);
        let reset_after = micros(backlog, rate);
        Step {
            quota: quota.with_times(next_after, reset_after),
            state: store(backlog, arrival),
            ttl: reset_after,
        }
    }

    /// Less what has drained since: with other requests in between, more would be theirs.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let charged = u128::from(arrival.rate.period_micros()).saturating_mul(u128::from(arrival.cost));
        let drained = u128::from(elapsed) * u128::from(arrival.rate.limit());
        store(backlog(state, arrival).saturating_sub(charged.saturating_sub(drained)), arrival)
    }
}

/// How far the theoretical arrival time lies ahead of now, in ticks.
fn backlog(state: &State, arrival: &Arrival) -> u128 {
    let limit = u128::from(arrival.rate.limit());
    match *state.words() {
        // The fraction was stored in ticks of the limit of that time; a lower limit has fewer.
        [micros, fraction] if micros >= arrival.now => {
            u128::from(micros - arrival.now) * limit + u128::from(fraction).min(limit - 1)
        }
        _ => 0,
    }
}

/// The theoretical arrival time as whole microseconds and the ticks that are left over.
fn store(backlog: u128, arrival: &Arrival) -> State {
    let limit = u128::from(arrival.rate.limit());
    let ahead = u64::try_from(backlog / limit).unwrap_or(u64::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a division by a u64")]
    State::from([arrival.now.saturating_add(ahead), (backlog % limit) as u64])
}

/// Ticks as microseconds, rounded up: a wait must be long enough.
fn micros(ticks: u128, rate: Rate) -> u64 {
    u64::try_from(ticks.div_ceil(u128::from(rate.limit()))).unwrap_or(u64::MAX - 1)
}
