//! Windows aligned to the clock, into which unused units of the previous window carry over.

use super::window_pair::Window;
use super::{Arrival, State, Step, Strategy, Summary, Usage, window_pair};
use crate::decision::Quota;

/// Admits the limit in every window aligned to the clock, and additionally a share of the unused limit of the
/// previous window. A client that used 40 of `100/day` has 130 the next day.
///
/// - **Admits** up to `limit + carried` per aligned window, where
///   `carried = min(max_rollover, (limit - used in the previous window) × rollover / 100)`, rounded down.
///   Carried units do not carry over again. The first window, and a window after one without requests, has
///   the limit.
/// - **Worst burst** over any period: twice the limit plus the carried units, around the border of two
///   windows.
/// - **State**: when both windows are over, the used units, and the carried units. The state is kept until
///   the end of the window after the one with the usage. A window without requests therefore ends it: a
///   client that stays away saves nothing up.
/// - **Wait**: until the end of the window. A cost above the limit fits only if enough units were carried
///   over. If neither this window nor the next one allows the cost, no wait helps.
/// - **Remaining** is the unused part of the window's limit. [`next_after`](Quota::next_after) and
///   [`reset_after`](Quota::reset_after) are both the end of the window, when at least the limit is available
///   again.
///
/// Use it for quotas that customers pay for by the day or month, so that a quiet period is not lost entirely.
///
/// If the clock steps back by up to one period, the window that had already begun stays in effect. After a
/// longer step, the state is ignored.
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
    /// Creates a strategy in which half of the unused units carry over, at most 500 units.
    pub const fn new() -> Self {
        Self { percent: 50, max: 500 }
    }

    /// Sets how many percent of the unused units carry over: 0 to 100.
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, QuotaWithRollover, State, Strategy}};
    ///
    /// let (quota, rate, day) = (QuotaWithRollover::new().rollover(100), Rate::per_day(100), 86_400_000_000);
    /// let first = quota.step(&State::EMPTY, &Arrival::new(rate, 30, 0));
    /// assert_eq!(quota.step(&first.state, &Arrival::new(rate, 0, day)).quota.remaining(), 170);
    /// ```
    ///
    /// # Default
    ///
    /// 50.
    ///
    /// # Panics
    ///
    /// If it is more than 100. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn rollover(mut self, percent: u8) -> Self {
        assert!(percent <= 100, "no more can carry over than was left: write at most 100 percent");
        self.percent = percent;
        self
    }

    /// Sets how many units carry over at most.
    ///
    /// ```
    /// use throttle::{Rate, strategy::{Arrival, QuotaWithRollover, State, Strategy}};
    ///
    /// let (quota, rate, day) = (QuotaWithRollover::new().max_rollover(20), Rate::per_day(100), 86_400_000_000);
    /// let first = quota.step(&State::EMPTY, &Arrival::new(rate, 30, 0));
    /// assert_eq!(quota.step(&first.state, &Arrival::new(rate, 0, day)).quota.remaining(), 120);
    /// ```
    ///
    /// # Default
    ///
    /// 500.
    #[must_use]
    pub const fn max_rollover(mut self, units: u64) -> Self {
        self.max = units;
        self
    }

    /// Returns how many units carry over from a window in which `used` units were used.
    fn carried(self, used: u64, limit: u64) -> u64 {
        let unused = limit.saturating_sub(used);
        // Computed in two parts, so that it does not overflow. The result is the same as that of one
        // division.
        let percent = u64::from(self.percent);
        let carried = unused / 100 * percent + unused % 100 * percent / 100;
        carried.min(self.max)
    }

    /// Returns how many units were used in a window that carried `carried` units over to the next.
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
        let (high, low) = window_pair::counts(state);
        let (start, used, carried, is_current) = match window_pair::locate(state, arrival) {
            // The word may come from another strategy, so at most the possible maximum is carried.
            Window::Current(start) => (start, high, low.min(self.carried(0, limit)), true),
            Window::Previous(start) => (start, 0, self.carried(high, limit), false),
            Window::None(start) => (start, 0, 0, false),
        };
        let rest = start.saturating_add(period).saturating_sub(now);
        let left = limit.saturating_add(carried).saturating_sub(used);
        // The next window carries units over from this one only if this one was used.
        let next = if is_current { limit.saturating_add(self.carried(used, limit)) } else { limit };
        let quota = if cost <= left {
            Quota::allowed(rate, left - cost)
        } else if cost <= next {
            Quota::denied(rate, left, rest)
        } else {
            Quota::never(rate, left)
        };
        let state = match cost {
            // A request of cost 0 only reads, and does not count as usage of the window.
            0 => state.clone(),
            _ => {
                window_pair::store(window_pair::forgotten(start, period), used.saturating_add(cost), carried)
            }
        };
        let quota = quota.with_limit(limit.saturating_add(carried)).with_times(rest, rest);
        Step { quota, state }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, .. } = *arrival;
        // At most the limit carries over.
        let max = self.max.min(rate.limit());
        let arguments = [rate.period_micros(), rate.limit(), cost, self.percent.into(), max];
        Some(super::Script::new(&LUA, arguments)?.passing())
    }

    /// Refunds only into the window of the charge, because the charge did not change any other window.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        if !window_pair::is_of_charge(state, arrival, elapsed) {
            return state.clone();
        }
        let (used, carried) = window_pair::counts(state);
        let (limit, period) = (arrival.rate.limit(), arrival.rate.period_micros());
        match (used.saturating_sub(arrival.cost), carried) {
            (0, 0) => State::EMPTY,
            // A window without requests carries nothing over. The carried units it has show how much the
            // window before it left.
            (0, _) => {
                window_pair::store(state.until().saturating_sub(period), self.used_for(carried, limit), 0)
            }
            (used, _) => window_pair::store(state.until(), used, carried),
        }
    }

    fn summary(&self) -> Summary {
        Summary::Rollover
    }

    /// Nothing carries over into a window that was used, nor out of the window before it.
    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let is_current =
            |until| matches!(window_pair::locate(&State::new(until, 0), arrival), Window::Current(_));
        let current = || usages.iter().filter(|usage| is_current(usage.until));
        match (current().map(|usage| usage.until).max(), current().map(|usage| usage.units).max()) {
            (Some(until), Some(units)) => window_pair::store(until, units, 0),
            _ => State::EMPTY,
        }
    }
}
