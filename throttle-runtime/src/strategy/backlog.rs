//! The arithmetic that the bucket strategies share: work that drains at the rate.
//!
//! Admitted units are a backlog that drains at `limit / period`; a request fits if the backlog with it stays
//! within a capacity. A token bucket counts what is missing from a full bucket, a leaky bucket what is in it,
//! and the cell rate algorithm how far the next theoretical arrival time lies ahead: one quantity.
//!
//! It is counted in ticks of 1/limit microsecond, of which a unit takes a whole number: the period in
//! microseconds. So no rounding ever admits or denies anybody.

use super::{Arrival, State, Step};
use crate::{Quota, Rate};

/// Decides an arrival against a capacity in ticks.
pub(super) fn step(state: &State, arrival: &Arrival, capacity: u128) -> Step {
    let Arrival { rate, cost, .. } = *arrival;
    let unit = u128::from(rate.period_micros());
    // No admission leaves more than the capacity, so what lies further ahead comes from a clock that stepped
    // back; far more is no state at all.
    let before = Some(ticks(state, arrival)).filter(|ahead| ahead / 2 <= capacity).unwrap_or(0);
    let charge = unit.saturating_mul(u128::from(cost));
    let after = before.saturating_add(charge);
    let units = |ticks: u128| u64::try_from(ticks / unit).unwrap_or(u64::MAX);
    let quota = if after <= capacity || cost == 0 {
        Quota::allowed(rate, units(capacity.saturating_sub(after)))
    } else if charge > capacity {
        Quota::never(rate, units(capacity.saturating_sub(before)))
    } else {
        Quota::denied(rate, units(capacity.saturating_sub(before)), micros(after - capacity, rate))
    };
    let backlog = if quota.fits() { after } else { before };
    // One more unit fits as soon as what is free has grown to the next whole unit.
    let next = (u128::from(quota.remaining()) + 1).saturating_mul(unit);
    let next_after = micros(backlog.saturating_sub(capacity.saturating_sub(next)).min(backlog), rate);
    let reset_after = micros(backlog, rate);
    Step {
        quota: quota.with_times(next_after, reset_after),
        state: store(backlog, arrival),
        ttl: reset_after,
    }
}

/// The state without a charge, less what of it has drained since: with other requests in between, more would
/// be theirs.
pub(super) fn refund(state: &State, arrival: &Arrival, elapsed: u64) -> State {
    let charged = u128::from(arrival.rate.period_micros()).saturating_mul(u128::from(arrival.cost));
    let drained = u128::from(elapsed) * u128::from(arrival.rate.limit());
    store(ticks(state, arrival).saturating_sub(charged.saturating_sub(drained)), arrival)
}

/// So many units in ticks.
pub(super) const fn capacity(units: u64, rate: Rate) -> u128 {
    units as u128 * rate.period_micros() as u128
}

/// The backlog that is left now. Stored is the time at which it will have drained.
fn ticks(state: &State, arrival: &Arrival) -> u128 {
    let limit = u128::from(arrival.rate.limit());
    match *state.words() {
        // The fraction was stored in ticks of the limit of that time; a lower limit has fewer.
        [micros, fraction] if micros >= arrival.now => {
            u128::from(micros - arrival.now) * limit + u128::from(fraction).min(limit - 1)
        }
        _ => 0,
    }
}

/// The time at which the backlog will have drained: whole microseconds, and the ticks that are left over.
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
