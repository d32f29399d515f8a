//! Windows aligned to the clock, each with the whole limit.

#[cfg(feature = "redis")]
use super::lua::Lua;
#[cfg(feature = "redis")]
use super::lua::Script;
use super::plan::{Outcome, Plan, Words};
use super::{Arrival, State, Step, Strategy, Summary, Usage, summary};
use crate::{Quota, Rate};

/// Admits the limit in every window. Windows are aligned to the clock: `100/min` is 100 from each full minute
/// to the next.
///
/// - **Admits** up to the limit per aligned window, with any costs.
/// - **Worst burst**: twice the limit within any period, around the border of two windows.
/// - **State**: the end of the window, and the units used in it.
/// - **Wait**: until the end of the window. A cost above the limit never fits.
/// - **Remaining** is the unused part of the limit in this window. [`next_after`](Quota::next_after) and
///   [`reset_after`](Quota::reset_after) are both the end of the window.
///
/// If the clock steps back by up to one period, the window that had already begun stays in effect: its usage
/// counts until that window ends, at most two periods from now. After a longer step, the state is ignored.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, FixedWindow, State, Strategy}};
///
/// let rate = Rate::per_second(2);
/// let step = FixedWindow.step(&State::EMPTY, &Arrival::new(rate, 2, 10_400_000));
/// assert!(step.quota.fits());
/// let step = FixedWindow.step(&step.state, &Arrival::new(rate, 1, 10_900_000));
/// assert_eq!(step.quota.retry_after().map(|wait| wait.as_millis()), Some(100));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FixedWindow;

impl Strategy for FixedWindow {
    fn name(&self) -> &'static str {
        "fixed-window"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        step(state, arrival, arrival.rate.limit())
    }

    fn counter_limit(&self, rate: Rate) -> Option<u64> {
        Some(rate.limit())
    }

    fn increment_limit(&self, arrival: &Arrival) -> Option<u64> {
        Some(arrival.rate.limit())
    }

    fn plan(&self, _: Rate) -> Option<Plan> {
        Some(Plan::Window)
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<Script> {
        script(arrival, arrival.rate.limit())
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        refund(state, arrival, elapsed)
    }

    fn summary(&self) -> Summary {
        Summary::Window
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::window(self, usages, arrival)
    }
}

/// Decides against a limit that may differ from the rate's. Usage from before a change of the limit stays
/// counted.
pub(super) fn step(state: &State, arrival: &Arrival, limit: u64) -> Step {
    let step: Step = decide(Words::new(state, arrival), limit).into();
    Step { quota: step.quota.with_limit(limit), ..step }
}

#[cfg(feature = "redis")]
pub(super) static LUA: Lua =
    Lua(concat!(include_str!("constant_limit.lua"), include_str!("fixed_window.lua")));

/// Returns the same step in Lua.
#[cfg(feature = "redis")]
pub(super) fn script(arrival: &Arrival, limit: u64) -> Option<Script> {
    let arguments = [limit, arrival.rate.period_micros(), arrival.cost];
    Script::new(&LUA, arguments)
}

#[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
#[inline(always)]
pub(super) const fn decide(words: Words, limit: u64) -> Outcome {
    let Words { rate, cost, now, .. } = words;
    let (rest, used) = current(words);
    let left = limit.saturating_sub(used);
    let quota = if cost > limit {
        Quota::never(rate, left)
    } else if cost > left {
        Quota::denied(rate, left, rest)
    } else {
        Quota::allowed(rate, left - cost)
    };
    let until = now.saturating_add(rest);
    Outcome { quota: quota.with_times(rest, rest), until, word: used.saturating_add(cost) }
}

#[cfg(feature = "time-zones")]
pub(super) const fn window(state: &State, arrival: &Arrival) -> (u64, u64) {
    current(Words::new(state, arrival))
}

/// Returns the remaining time of the window, and the units used in it.
#[inline]
const fn current(Words { until, word, rate, now, .. }: Words) -> (u64, u64) {
    let period = rate.period_micros();
    match until.saturating_sub(now) {
        rest if rest == 0 || rest / 2 > period => (period - now % period, 0),
        rest => (rest, word),
    }
}

/// Refunds only into the window of the charge, because the charge did not change any other window.
pub(super) fn refund(state: &State, arrival: &Arrival, elapsed: u64) -> State {
    let period = arrival.rate.period_micros();
    let charged = arrival.now.saturating_sub(elapsed);
    if state.until() == (charged - charged % period).saturating_add(period) {
        State::new(state.until(), state.word().saturating_sub(arrival.cost))
    } else {
        state.clone()
    }
}
