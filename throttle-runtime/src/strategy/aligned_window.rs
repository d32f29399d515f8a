//! The arithmetic of the strategies with windows that are aligned to the clock.

#[cfg(feature = "redis")]
use super::lua::Lua;
#[cfg(feature = "redis")]
use super::lua::Script;
use super::words::{Outcome, Words};
use super::{Arrival, State, Step};
use crate::decision::Quota;

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
