//! The arithmetic that the bucket strategies share: work that drains at the rate.
//!
//! Admitted units are a backlog that drains at `limit / period`. A request fits if the backlog including the
//! request stays within a capacity. A token bucket counts what is missing from a full bucket. A leaky bucket
//! counts what is in it. The generic cell rate algorithm counts how far the next theoretical arrival time is
//! in the future. All three are the same quantity.
//!
//! The backlog is counted in ticks of 1/limit microsecond. A unit takes a whole number of ticks: the period
//! in microseconds. Therefore, rounding never changes a decision.

#[cfg(feature = "redis")]
use super::lua::Lua;
#[cfg(feature = "redis")]
use super::lua::MOST;
#[cfg(feature = "redis")]
use super::lua::Script;
use super::words::{Outcome, Words};
use super::{Arrival, State, Step};
use crate::decision::Quota;
use crate::decision::backlog::{Backlog, micros, next_after, units};
use crate::rate::Rate;

/// Decides an arrival against a capacity in ticks.
pub(super) fn step(state: &State, arrival: &Arrival, capacity: u128) -> Step {
    // Nearly every backlog fits into 64 bits, where arithmetic is several times faster.
    narrow(capacity)
        .and_then(|capacity| {
            decide(Words::new(state, arrival), capacity, |ticks| divide(ticks, arrival.rate))
        })
        .map_or_else(|| wide(state, arrival, capacity), Step::from)
}

#[cfg(feature = "redis")]
pub(super) static LUA: Lua = Lua(concat!(include_str!("backlog.lua"), include_str!("bucket.lua")));

/// Returns the step in Lua, which needs small numbers: it counts in ticks as large as the limit and the
/// period allow.
#[cfg(feature = "redis")]
pub(super) fn script(arrival: &Arrival, capacity: u128) -> Option<Script> {
    let [limit, period, capacity, scale] = in_large_ticks(arrival.rate, capacity)?;
    Script::new(&LUA, [limit, period, capacity, scale, arrival.cost])
}

/// Returns limit, period and capacity in the largest ticks that divide both limit and period, and the size of
/// these ticks.
#[cfg(feature = "redis")]
pub(super) fn in_large_ticks(rate: Rate, capacity: u128) -> Option<[u64; 4]> {
    let (limit, period) = (rate.limit(), rate.period_micros());
    let scale = common_divisor(limit, period);
    let capacity = u64::try_from(capacity / u128::from(scale)).ok()?;
    // The ticks of the last microsecond are stored in the usual unit.
    (limit < MOST).then_some([limit / scale, period / scale, capacity, scale])
}

#[cfg(feature = "redis")]
pub(super) const fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

const fn divide(ticks: u64, rate: Rate) -> (u64, u64) {
    (ticks / rate.limit(), ticks % rate.limit())
}

/// Returns the capacity if it is small enough for arithmetic in 64 bits.
pub(super) fn narrow(capacity: u128) -> Option<u64> {
    u64::try_from(capacity).ok().filter(|ticks| ticks >> 62 == 0)
}

/// Decides in 64 bits. Returns `None` if a number does not fit. `divide` divides by the limit.
#[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
#[inline(always)]
pub(super) fn decide(
    Words { until, word, rate, cost, now }: Words,
    capacity: u64,
    divide: impl Fn(u64) -> (u64, u64),
) -> Option<Outcome> {
    let limit = rate.limit();
    let stored = match until.checked_sub(now) {
        // The state contains the microsecond by whose end the backlog will have drained, and the ticks that
        // it takes of that microsecond, minus one. The ticks are those of the limit at that time. A lower
        // limit has fewer ticks.
        Some(ahead @ 1..) => (ahead - 1).checked_mul(limit)?.checked_add(word.min(limit - 1) + 1)?,
        _ => 0,
    };
    // No admission leaves more than the capacity. A moderately greater backlog comes from a clock that
    // stepped back. If it is much greater, the state is ignored.
    let before = if stored / 2 <= capacity { stored } else { 0 };
    let charge = rate.period_micros().checked_mul(cost)?;
    let after = before.checked_add(charge)?;
    if after > capacity && cost > 0 {
        let over = if charge > capacity { u64::MAX } else { after - capacity };
        let quota = Quota::of_backlog(rate, Backlog { ticks: before, capacity }, over);
        return Some(Outcome { quota, until, word });
    }
    let quota = Quota::of_backlog(rate, Backlog { ticks: after, capacity }, 0);
    let Some(rest) = after.checked_sub(1) else { return Some(Outcome { quota, until: 0, word: 0 }) };
    let (ahead, word) = divide(rest);
    Some(Outcome { quota, until: now.checked_add(ahead + 1)?, word })
}

#[cold]
fn wide(state: &State, arrival: &Arrival, capacity: u128) -> Step {
    let Arrival { rate, cost, .. } = *arrival;
    let before = before(state, arrival, capacity);
    let charge = u128::from(rate.period_micros()).saturating_mul(u128::from(cost));
    let after = before.saturating_add(charge);
    // A backlog that drains after the end of 64-bit time cannot be stored. Waiting does not change that.
    let storable = storable(arrival);
    let fits = after <= capacity.min(storable) || cost == 0;
    let ticks = if fits { after } else { before };
    let remaining = units(capacity.min(storable).saturating_sub(ticks), rate);
    let quota = if fits {
        Quota::allowed(rate, remaining)
    } else if charge > capacity || after > storable {
        Quota::never(rate, remaining)
    } else {
        Quota::denied(rate, remaining, micros(after - capacity, rate))
    };
    let times = (next_after(ticks, capacity, rate), micros(ticks, rate));
    let quota = quota.with_limit(rate.limit().max(units(capacity, rate)));
    Step { quota: quota.with_times(times.0, times.1), state: store(ticks, arrival) }
}

/// Returns the largest backlog that a state can express: one that has drained at the end of 64 bits of
/// microseconds.
pub(super) const fn storable(arrival: &Arrival) -> u128 {
    (u64::MAX - arrival.now) as u128 * arrival.rate.limit() as u128
}

/// Returns the state without a charge, except for the part of the charge that has drained since. If more were
/// refunded, it would be units of other requests.
pub(super) fn refund(state: &State, arrival: &Arrival, elapsed: u64) -> State {
    let charged = u128::from(arrival.rate.period_micros()).saturating_mul(u128::from(arrival.cost));
    let drained = u128::from(elapsed) * u128::from(arrival.rate.limit());
    store(ticks(state, arrival).saturating_sub(charged.saturating_sub(drained)), arrival)
}

/// Converts units to ticks.
pub(super) const fn capacity(units: u64, rate: Rate) -> u128 {
    units as u128 * rate.period_micros() as u128
}

/// Returns the backlog that is left now.
///
/// No admission leaves more than the capacity. A moderately greater backlog comes from a clock that stepped
/// back. If it is much greater, the state is ignored.
pub(super) fn before(state: &State, arrival: &Arrival, capacity: u128) -> u128 {
    Some(ticks(state, arrival)).filter(|ahead| ahead / 2 <= capacity).unwrap_or(0)
}

/// Returns the backlog that a state expresses.
fn ticks(state: &State, arrival: &Arrival) -> u128 {
    let limit = arrival.rate.limit();
    match state.until().checked_sub(arrival.now) {
        Some(ahead @ 1..) => {
            u128::from(ahead - 1) * u128::from(limit) + u128::from(state.word().min(limit - 1)) + 1
        }
        _ => 0,
    }
}

pub(super) fn store(backlog: u128, arrival: &Arrival) -> State {
    let Some(rest) = backlog.checked_sub(1) else { return State::EMPTY };
    let limit = u128::from(arrival.rate.limit());
    let ahead = u64::try_from(rest / limit).unwrap_or(u64::MAX).saturating_add(1);
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a division by a u64")]
    State::new(arrival.now.saturating_add(ahead), (rest % limit) as u64)
}
