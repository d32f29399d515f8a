//! Windows aligned to the clock, into which unused units of the one before carry over.

use super::two_windows::{self, Window};
use super::{Arrival, State, Step, Strategy, Summary, Usage};
use crate::Quota;

/// The limit in every window aligned to the clock, and a share of what was left unused in the window before:
/// who used 40 of `100/day` has 130 the next day.
///
/// - **Admits** up to `limit + carried` per aligned window, where
///   `carried = min(max_rollover, (limit - used in the window before) × rollover / 100)`, rounded down. What
///   was carried does not carry again. The first window, and one after a window without any request, has the
///   limit.
/// - **Worst burst** over any period: twice the limit and what was carried, around the border of two windows.
/// - **State**: when both windows are over, the units used, and those that were carried; kept until the end of
///   the window after the one it was used in. That is why a whole idle window ends it: whoever stays away
///   cannot save up, and is forgotten.
/// - **Wait**: to the end of the window. A cost above the limit fits only if enough was carried, so if neither
///   this window nor the next has room for it, no wait helps.
/// - **Remaining** is what is left of the window; [`next_after`](Quota::next_after) and
///   [`reset_after`](Quota::reset_after) are both its end, where there is at least the limit again.
///
/// Pick it for quotas that people pay for by the day or month, so that a quiet one is not lost entirely.
///
/// A clock that steps back by up to a period finds the window that it had begun before; after a longer step
/// the state is none.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, QuotaWithRollover, State, Strategy}};
///
/// let (quota, rate, day) = (QuotaWithRollover::new(), Rate::per_day(100), 86_400_000_000);
/// let first = quota.step(&State::EMPTY, &Arrival::new(rate, 40, 0));
/// let second = quota.step(&first.state, &Arrival::new(rate, 0, day));
/// let after_a_pause = quota.step(&first.state, &Arrival::new(rate, 0, 2 * day));
/// assert_eq!((second.quota.remaining(), after_a_pause.quota.remaining()), (130, 100));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaWithRollover {
    percent: u8,
    max: u64,
}

impl QuotaWithRollover {
    /// Half of what is unused carries over, 500 units at most.
    pub const fn new() -> Self {
        Self { percent: 50, max: 500 }
    }

    /// How many percent of what is unused carry over: 0 to 100.
    ///
    /// # Panics
    ///
    /// If it is more than 100: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn rollover(mut self, percent: u8) -> Self {
        assert!(percent <= 100, "no more can carry over than was left: write at most 100 percent");
        self.percent = percent;
        self
    }

    /// How many units carry over at most.
    #[must_use]
    pub const fn max_rollover(mut self, units: u64) -> Self {
        self.max = units;
        self
    }

    /// What carries over from a window in which so much was used.
    fn carried(self, used: u64, limit: u64) -> u64 {
        let unused = limit.saturating_sub(used);
        // In two parts, so that it fits: both times less than 100 is lost to the division.
        let percent = u64::from(self.percent);
        let carried = unused / 100 * percent + unused % 100 * percent / 100;
        carried.min(self.max)
    }

    /// The units of a window that carried so much over to the next.
    fn used_for(self, carried: u64, limit: u64) -> u64 {
        let unused = (u128::from(carried) * 100).div_ceil(u128::from(self.percent.max(1)));
        limit.saturating_sub(u64::try_from(unused).unwrap_or(u64::MAX))
    }
}

impl Default for QuotaWithRollover {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua = super::Lua(concat!(
    include_str!("two_windows.lua"),
    include_str!("located.lua"),
    include_str!("quota_with_rollover.lua")
));

impl Strategy for QuotaWithRollover {
    fn name(&self) -> &'static str {
        "quota-with-rollover"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let (limit, period) = (rate.limit(), rate.period_micros());
        let (high, low) = two_windows::counts(state);
        let (start, used, carried, is_current) = match two_windows::locate(state, arrival) {
            // The word may be anybody's: no more is carried than can have been.
            Window::Current(start) => (start, high, low.min(self.carried(0, limit)), true),
            Window::Previous(start) => (start, 0, self.carried(high, limit), false),
            Window::None(start) => (start, 0, 0, false),
        };
        let rest = start.saturating_add(period).saturating_sub(now);
        let left = limit.saturating_add(carried).saturating_sub(used);
        // The next window knows of this one only if it was used.
        let next = if is_current { limit.saturating_add(self.carried(used, limit)) } else { limit };
        let quota = if cost <= left {
            Quota::allowed(rate, left - cost)
        } else if cost <= next {
            Quota::denied(rate, left, rest)
        } else {
            Quota::never(rate, left)
        };
        let state = match cost {
            // Who only asks has not used the window.
            0 => state.clone(),
            _ => {
                two_windows::store(two_windows::forgotten(start, period), used.saturating_add(cost), carried)
            }
        };
        let quota = quota.with_limit(limit.saturating_add(carried)).with_times(rest, rest);
        Step { quota, state }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, .. } = *arrival;
        // No more than the limit carries over.
        let max = self.max.min(rate.limit());
        let arguments = [rate.period_micros(), rate.limit(), cost, self.percent.into(), max];
        Some(super::Script::new(&LUA, arguments)?.passing())
    }

    /// Only into the window of the charge: that of another was never touched by it.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        if !two_windows::is_of_charge(state, arrival, elapsed) {
            return state.clone();
        }
        let (used, carried) = two_windows::counts(state);
        let (limit, period) = (arrival.rate.limit(), arrival.rate.period_micros());
        match (used.saturating_sub(arrival.cost), carried) {
            (0, 0) => State::EMPTY,
            // A window without any request carries nothing over: what it has is all that the one before left.
            (0, _) => {
                two_windows::store(state.until().saturating_sub(period), self.used_for(carried, limit), 0)
            }
            (used, _) => two_windows::store(state.until(), used, carried),
        }
    }

    fn summary(&self) -> Summary {
        Summary::Rollover
    }

    /// Nothing carries over into a window that was used, nor out of the window before it.
    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let is_current =
            |until| matches!(two_windows::locate(&State::new(until, 0), arrival), Window::Current(_));
        let current = || usages.iter().filter(|usage| is_current(usage.until));
        match (current().map(|usage| usage.until).max(), current().map(|usage| usage.units).max()) {
            (Some(until), Some(units)) => two_windows::store(until, units, 0),
            _ => State::EMPTY,
        }
    }
}
