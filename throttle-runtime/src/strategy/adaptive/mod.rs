//! Windows aligned to the clock, with a limit that shrinks under load and grows back.

use super::adaptive_window::{LOADED, LOST, Last, USED, WHOLE, level_of, locate, share, units};
#[cfg(feature = "redis")]
use super::lua;
use super::{Arrival, Lane, State, Step, Strategy, Summary, Usage};
use crate::decision::Quota;

/// A [`FixedWindow`](super::FixedWindow) whose limit shrinks from window to window while the load is high,
/// and grows back while it is not.
///
/// A client begins with the whole limit, or with less if the [`load`](Self::load) function reports a high load.
/// The effective limit changes only at the beginning of a window:
///
/// - If the load is above [`load_threshold`](Self::load_threshold), the limit is multiplied by
///   [`reduction_factor`](Self::reduction_factor). It never falls below
///   [`min_limit_ratio`](Self::min_limit_ratio) of the whole limit.
/// - Otherwise, the limit grows by [`recovery_rate`](Self::recovery_rate) of the whole limit. It grows by the
///   same amount for each window without a request.
///
/// These settings are in thousandths. The effective limit is also computed in thousandths, and is then
/// converted to whole units. Both are rounded down, but the limit is at least 1 unit.
///
/// By default, the load is the client's own usage of its limit in the previous window. A client that always
/// uses all of `100/min` has 100, 60, 36, and from then on 30. A client that stays within 80 always has 100.
/// Alternatively, the load is measured by a [function](Self::load), which is called at every request. With a
/// function, a new client of a loaded service begins with less than the whole limit.
///
/// - **Admits** up to the effective limit per aligned window, with any costs.
/// - **Worst burst**: less than twice the limit within any period, around the border of two windows. It is twice
///   the limit if the limit is 1, or if a function reports a low load.
/// - **State**: the units used in the window, and the limit that was in effect. It is kept until the whole
///   limit is restored.
/// - **Wait**: until the first window whose limit allows the request, provided that no other request comes,
///   and that the load of the function stays the same. A cost above the limit never fits. A cost that fits
///   only at a lower load does not fit while the present load lasts.
/// - **Remaining** is the unused part of the effective limit. [`next_after`](Quota::next_after) is the first
///   window that allows more, and [`reset_after`](Quota::reset_after) is the first window with the whole
///   limit that the load allows.
///
/// Use it where clients may use much while there is spare capacity, or to shed load before the service fails.
///
/// If the clock steps back by up to one period, the window that had already begun stays in effect. After a
/// longer step, the state is ignored.
///
/// ```
/// use throttle::{Rate, strategy::{Adaptive, Arrival, State, Strategy}};
///
/// let (adaptive, rate, minute) = (Adaptive::new(), Rate::per_minute(100), 60_000_000);
/// let first = adaptive.step(&State::EMPTY, &Arrival::new(rate, 100, 0));
/// let second = adaptive.step(&first.state, &Arrival::new(rate, 10, minute));
/// let third = adaptive.step(&second.state, &Arrival::new(rate, 0, 2 * minute));
/// let remaining = [first, second, third].map(|step| step.quota.remaining());
/// assert_eq!(remaining, [0, 50, 70]);
/// ```
///
/// ```
/// use throttle::{Settings, strategy::Adaptive};
///
/// // Above 90 % usage, the limit shrinks to 80 % of its value, but not below half of the whole limit.
/// const GENTLE: Adaptive =
///     Adaptive::new().load_threshold(900).reduction_factor(800).recovery_rate(50).min_limit_ratio(500);
/// let settings = Settings::new().rate("100/min").strategy(GENTLE);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Adaptive {
    threshold: u16,
    factor: u16,
    recovery: u16,
    min: u16,
    load: Option<fn() -> u64>,
}

impl Adaptive {
    /// Creates a strategy with the default settings: above a load of 800 thousandths, the limit shrinks to
    /// 600 thousandths of its value, but not below 300 thousandths of the whole limit. Otherwise, it grows by
    /// 100 thousandths of the whole limit.
    pub const fn new() -> Self {
        Self { threshold: 800, factor: 600, recovery: 100, min: 300, load: None }
    }

    /// Sets the load above which the limit shrinks, in thousandths.
    ///
    /// # Default
    ///
    /// 800.
    ///
    /// # Panics
    ///
    /// If it is not between 1 and 999. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn load_threshold(mut self, thousandths: u16) -> Self {
        self.threshold = share(thousandths);
        self
    }

    /// Sets the factor by which a window of high load multiplies the effective limit, in thousandths.
    ///
    /// # Default
    ///
    /// 600.
    ///
    /// # Panics
    ///
    /// If it is not between 1 and 999. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn reduction_factor(mut self, thousandths: u16) -> Self {
        self.factor = share(thousandths);
        self
    }

    /// Sets by how much of the whole limit the effective limit grows after a window of low load, in
    /// thousandths.
    ///
    /// # Default
    ///
    /// 100.
    ///
    /// # Panics
    ///
    /// If it is not between 1 and 999. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn recovery_rate(mut self, thousandths: u16) -> Self {
        self.recovery = share(thousandths);
        self
    }

    /// Sets the minimum of the effective limit, in thousandths of the whole limit.
    ///
    /// # Default
    ///
    /// 300.
    ///
    /// # Panics
    ///
    /// If it is not between 1 and 999. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn min_limit_ratio(mut self, thousandths: u16) -> Self {
        self.min = share(thousandths);
        self
    }

    /// Sets a function that returns the load of the service, in thousandths: 0 is idle, 1000 is full
    /// capacity. It is called at every request, so it should only read an existing number.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use throttle::{Settings, strategy::Adaptive};
    ///
    /// /// A background task stores the load of the CPU here, in thousandths.
    /// static LOAD: AtomicU64 = AtomicU64::new(0);
    ///
    /// fn cpu() -> u64 {
    ///     LOAD.load(Ordering::Relaxed)
    /// }
    ///
    /// let settings = Settings::new().rate("100/min").strategy(Adaptive::new().load(cpu));
    /// ```
    ///
    /// # Default
    ///
    /// The load is the client's own usage in the previous window.
    #[must_use]
    pub const fn load(mut self, thousandths: fn() -> u64) -> Self {
        self.load = Some(thousandths);
        self
    }

    /// Returns the window in which `used` units were used, as it is stored.
    fn last(&self, level: u64, used: u64, limit: u64) -> Last {
        let most = u128::from(units(level, limit)) * u128::from(self.threshold);
        Last { level, used, was_loaded: u128::from(used) * u128::from(WHOLE) > most }
    }

    /// Returns whether the limit shrinks after the window of the last request.
    fn is_loaded(&self, last: Last, arrival: &Arrival) -> bool {
        if self.load.is_some() { arrival.load > u64::from(self.threshold) } else { last.was_loaded }
    }

    /// Returns the effective limit `age` windows after the last request.
    fn level(&self, last: Last, age: u64, arrival: &Arrival) -> u64 {
        let recovered =
            |level, windows| self.recovery().saturating_mul(windows).saturating_add(level).min(WHOLE);
        let adjusted = |level: u64| {
            if self.is_loaded(last, arrival) {
                (level * u64::from(self.factor) / WHOLE).max(u64::from(self.min))
            } else {
                recovered(level, 1)
            }
        };
        match (age.checked_sub(1), self.load) {
            (None, _) => last.level,
            // The client's own usage was in the first of these windows; the others were idle.
            (Some(idle), None) => recovered(adjusted(last.level), idle),
            // The load of the windows in between is unknown; only the present load is known.
            (Some(idle), Some(_)) => adjusted(recovered(last.level, idle)),
        }
    }

    /// Returns the first window after the last request, but not before `age`, in which the effective limit is
    /// at least `wanted`. From the first window on, the limits only grow.
    fn age_of(&self, last: Last, age: u64, wanted: u64, arrival: &Arrival) -> Option<u64> {
        if wanted > WHOLE {
            return None;
        }
        if self.level(last, age, arrival) >= wanted {
            return Some(age);
        }
        let idle = |level: u64, wanted: u64| wanted.saturating_sub(level).div_ceil(self.recovery());
        match (self.is_loaded(last, arrival), self.load) {
            (_, None) => Some(1 + idle(self.level(last, 1, arrival), wanted)),
            (false, Some(_)) => Some(idle(last.level, wanted)),
            (true, Some(_)) => {
                let before = (wanted * WHOLE).div_ceil(u64::from(self.factor));
                (before <= WHOLE).then(|| 1 + idle(last.level, before))
            }
        }
    }

    fn recovery(&self) -> u64 {
        u64::from(self.recovery)
    }

    /// Returns the state of a window that ends at `end`.
    fn store(&self, end: u64, last: Last, arrival: &Arrival) -> State {
        let idle = match self.load {
            None => self.age_of(last, 1, WHOLE, arrival).map_or(0, |age| age - 1),
            Some(_) => (WHOLE - last.level).div_ceil(self.recovery()),
        };
        last.store(end, idle, arrival)
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "redis")]
pub(super) static LUA: super::Lua =
    super::Lua(concat!(include_str!("../two_windows.lua"), include_str!("adaptive.lua")));

impl Strategy for Adaptive {
    fn name(&self) -> &'static str {
        "adaptive"
    }

    fn load(&self) -> u64 {
        self.load.map_or(0, |load| load())
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        let Arrival { rate, cost, now, .. } = *arrival;
        let limit = rate.limit();
        let (mut last, mut age, end) = locate(state, arrival);
        let level = self.level(last, age, arrival);
        let used = if age == 0 { last.used } else { 0 };
        let applies = units(level, limit);
        let left = applies.saturating_sub(used);
        // Returns when a window begins that allows `wanted`, but not before this window ends.
        let starts = |last, age: u64, wanted: u64| {
            let found = self.age_of(last, age + 1, wanted, arrival)?;
            let windows = (found - age - 1).saturating_mul(rate.period_micros());
            Some(end.saturating_add(windows).saturating_sub(now))
        };
        let quota = if cost <= left {
            Quota::allowed(rate, left - cost)
        } else if let Some(wait) = starts(last, age, level_of(cost, limit)) {
            Quota::denied(rate, left, wait)
        } else {
            Quota::never(rate, left)
        };
        let mut state = state.clone();
        if quota.fits() && cost > 0 {
            (last, age) = (self.last(level, used.saturating_add(cost), limit), 0);
            state = self.store(end, last, arrival);
        }
        let more = level_of(quota.remaining().saturating_add(1).min(limit), limit);
        let rest = end.saturating_sub(now);
        let whole = self.level(Last::NONE, 1, arrival);
        let (next, reset) = (starts(last, age, more), starts(last, age, whole));
        let quota = quota.with_limit(applies).with_times(next.unwrap_or(rest), reset.unwrap_or(rest));
        Step { quota, state }
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        let Arrival { rate, cost, .. } = *arrival;
        let shares = [self.threshold, self.factor, self.recovery, self.min].map(u64::from);
        let [threshold, factor, recovery, min] = shares;
        let load = self.load.map_or(0, |_| 1 + u64::from(arrival.load > threshold));
        let arguments = [rate.period_micros(), rate.limit(), cost, threshold, factor, recovery, min, load];
        // Units are counted in thousandths.
        let script = super::Script::new(&LUA, arguments).filter(|_| rate.limit() < lua::MOST / WHOLE)?;
        Some(if load == 0 { script } else { script.passing() })
    }

    /// Refunds only into the window of the charge, because the charge did not change any other window.
    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        let period = arrival.rate.period_micros();
        let charged = arrival.now.saturating_sub(elapsed);
        match Last::read(state, period) {
            Some((end, last)) if end == (charged - charged % period).saturating_add(period) => {
                let used = last.used.saturating_sub(arrival.cost);
                let last = self.last(last.level, used, arrival.rate.limit());
                self.store(end, last, arrival)
            }
            _ => state.clone(),
        }
    }

    fn summary(&self) -> Summary {
        Summary::Adaptive
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        let (limit, now, period) = (arrival.rate.limit(), arrival.now, arrival.rate.period_micros());
        let next = (now - now % period).saturating_add(period);
        let of = |lane| usages.iter().filter(move |usage| usage.lane == Lane::Units(lane));
        let counts = |usage: &&Usage| usage.until >= next && usage.until - next <= period;
        let end = of(USED).filter(counts).map(|usage| usage.until).max().unwrap_or(next);
        let used = of(USED).filter(counts).map(|usage| usage.units).max().unwrap_or(0);
        let lost = of(LOST).map(|usage| usage.units).max().unwrap_or(0);
        let was_loaded = of(LOADED).next().is_some();
        if used == 0 && lost == 0 && !was_loaded {
            return State::EMPTY;
        }
        // The client's window may have ended since, so the limit is at most the limit after that window.
        let level = WHOLE.saturating_sub(lost);
        let before = Last { level, used: 0, was_loaded };
        let level =
            level.min(if self.load.is_some() || was_loaded { self.level(before, 1, arrival) } else { level });
        let last = self.last(level, used, limit);
        self.store(end, Last { was_loaded: last.was_loaded || was_loaded, ..last }, arrival)
    }
}
