//! A sliding window that is estimated from two fixed windows.

use super::window_pair::Window;
use super::{Arrival, State, Step, Strategy, Summary, Usage, window_pair};
use crate::decision::Quota;

/// A sliding window that is estimated from two aligned windows. The previous window counts by the share that
/// the sliding window still overlaps.
///
/// - **Admits** a request if `previous × (period − elapsed) / period + current + cost` is within the limit.
///   The comparison is exact.
/// - **Worst burst** over any period: less than twice the limit, and the limit if requests come evenly.
/// - **State**: when both windows are over, and the units used in them.
/// - **Wait**: until the estimate has fallen far enough, in this window or the next one, so up to two
///   periods. A cost above the limit never fits.
/// - **Remaining** is the limit minus the estimate, rounded down. [`next_after`](Quota::next_after) is when
///   one more unit fits, and [`reset_after`](Quota::reset_after) is when neither window counts any more.
///
/// Use it where the doubled burst at the border of fixed windows is a problem, and a log is too large.
///
/// If the clock steps back by up to one period, the window that had already begun stays in effect. After a
/// longer step, the state is ignored.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, SlidingWindowCounter, State, Strategy}};
///
/// let rate = Rate::per_second(100);
/// let full = SlidingWindowCounter.step(&State::EMPTY, &Arrival::new(rate, 100, 0));
/// let later = SlidingWindowCounter.step(&full.state, &Arrival::new(rate, 0, 1_250_000));
/// assert_eq!(later.quota.remaining(), 25);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlidingWindowCounter;

/// The two windows at a given time. All numbers are in units × microseconds, so that nothing is rounded.
#[derive(Clone, Copy)]
struct Windows {
    start: u64,
    current: u64,
    previous: u64,
    period: u64,
}

impl Windows {
    fn read(state: &State, arrival: &Arrival) -> Self {
        let (period, limit) = (arrival.rate.period_micros(), arrival.rate.limit());
        let (high, low) = window_pair::counts(state);
        let (start, current, previous) = match window_pair::locate(state, arrival) {
            Window::Current(start) => (start, high, low),
            Window::Previous(start) => (start, 0, high),
            Window::None(start) => (start, 0, 0),
        };
        Self { start, current: current.min(limit), previous: previous.min(limit), period }
    }

    /// Returns the estimate at `now`. If the clock has stepped back, `now` may be before the start of the
    /// window.
    fn used(self, now: u64) -> u128 {
        let overlap = self.period.saturating_sub(now.saturating_sub(self.start));
        u128::from(self.previous) * u128::from(overlap) + u128::from(self.current) * u128::from(self.period)
    }

    /// Returns the next window, in which the present window is the previous one.
    const fn next(self) -> Self {
        Self { start: self.start.saturating_add(self.period), current: 0, previous: self.current, ..self }
    }

    /// Returns the first time in this window at which the estimate is at most `most`.
    fn falls_to(self, most: u128) -> Option<u64> {
        let fixed = u128::from(self.current) * u128::from(self.period);
        let share = most.checked_sub(fixed)?;
        let overlap = share.checked_div(u128::from(self.previous)).unwrap_or(u128::MAX);
        let overlap = u64::try_from(overlap).unwrap_or(u64::MAX).min(self.period);
        // At the very end of the window, the next one has already begun.
        (overlap > 0 || self.previous == 0).then(|| self.start.saturating_add(self.period - overlap))
    }

    /// Returns the first time at which the estimate is at most `most`, if no other request comes.
    fn time_of(self, most: u128) -> u64 {
        let next = self.next();
        let found = self.falls_to(most).or_else(|| next.falls_to(most));
        found.unwrap_or_else(|| next.next().start)
    }
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua = super::Lua(concat!(
    include_str!("two_windows.lua"),
    include_str!("located.lua"),
    include_str!("sliding_window_counter.lua")
));

impl Strategy for SlidingWindowCounter {
    fn name(&self) -> &'static str {
        "sliding-window-counter"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let (limit, period) = (rate.limit(), rate.period_micros());
        let scale = |units: u64| u128::from(units) * u128::from(period);
        let mut windows = Windows::read(state, arrival);
        let used = windows.used(now);
        let left = |used: u128| {
            u64::try_from(scale(limit).saturating_sub(used) / u128::from(period)).unwrap_or(limit)
        };
        let quota = match limit.checked_sub(cost) {
            None => Quota::never(rate, left(used)),
            Some(rest) if used <= scale(rest) || cost == 0 => {
                windows.current = windows.current.saturating_add(cost);
                Quota::allowed(rate, left(used.saturating_add(scale(cost))))
            }
            Some(rest) => Quota::denied(rate, left(used), windows.time_of(scale(rest)).saturating_sub(now)),
        };
        let wanted = quota.remaining().saturating_add(1);
        let next = if wanted > limit { now } else { windows.time_of(scale(limit - wanted)) };
        let reset = windows.time_of(0);
        let forgotten = window_pair::forgotten(windows.start, period);
        Step {
            quota: quota.with_times(next.saturating_sub(now), reset.saturating_sub(now)),
            state: window_pair::store(forgotten, windows.current, windows.previous),
        }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let arguments = [arrival.rate.period_micros(), arrival.rate.limit(), arrival.cost];
        super::Script::new(&LUA, arguments)
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        if window_pair::is_of_charge(state, arrival, elapsed) {
            let (current, previous) = window_pair::counts(state);
            window_pair::store(state.until(), current.saturating_sub(arrival.cost), previous)
        } else {
            state.clone()
        }
    }

    fn summary(&self) -> Summary {
        Summary::TwoWindows
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let counts = |until| !matches!(window_pair::locate(&State::new(until, 0), arrival), Window::None(_));
        let counting = || usages.iter().filter(|usage| counts(usage.until));
        let Some(until) = counting().map(|usage| usage.until).max() else { return State::EMPTY };
        // Earlier usage belongs to the previous window, or to an even earlier one if the clock has stepped
        // back.
        let before = counting().filter(|usage| usage.until < until);
        let previous = before.fold(0, |units: u64, usage| units.saturating_add(usage.units));
        let current = counting().filter(|usage| usage.until == until).map(|usage| usage.units).max();
        window_pair::store(until, current.unwrap_or(0), previous)
    }
}
