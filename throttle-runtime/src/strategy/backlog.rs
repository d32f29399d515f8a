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

/// A backlog and what it may become at most, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog<T = u64> {
    ticks: T,
    capacity: T,
}

/// Decides an arrival against a capacity in ticks.
pub(super) fn step(state: &State, arrival: &Arrival, capacity: u128) -> Step {
    let Arrival { rate, cost, .. } = *arrival;
    // No admission leaves more than the capacity, so what lies further ahead comes from a clock that stepped
    // back; far more is no state at all.
    let before = Some(ticks(state, arrival)).filter(|ahead| ahead / 2 <= capacity).unwrap_or(0);
    let charge = u128::from(rate.period_micros()).saturating_mul(u128::from(cost));
    let after = before.saturating_add(charge);
    let fits = after <= capacity || cost == 0;
    let over = match (fits, charge > capacity) {
        (true, _) => 0,
        (false, true) => u128::MAX,
        (false, false) => after - capacity,
    };
    let backlog = Backlog { ticks: if fits { after } else { before }, capacity };
    Step { quota: backlog.quota(rate, over), state: store(backlog.ticks, arrival) }
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

/// The backlog that is left now. Stored are the microsecond by whose end it will have drained, and the ticks
/// of that microsecond that it takes, less one.
fn ticks(state: &State, arrival: &Arrival) -> u128 {
    let limit = arrival.rate.limit();
    match state.until().checked_sub(arrival.now) {
        // The ticks were those of the limit of that time; a lower limit has fewer.
        Some(ahead @ 1..) => {
            u128::from(ahead - 1) * u128::from(limit) + u128::from(state.word().min(limit - 1)) + 1
        }
        _ => 0,
    }
}

fn store(backlog: u128, arrival: &Arrival) -> State {
    let Some(rest) = backlog.checked_sub(1) else { return State::EMPTY };
    let limit = arrival.rate.limit();
    // Nearly every backlog is within 64 bits, where a division is several times faster.
    let (ahead, ticks) = match u64::try_from(rest) {
        Ok(rest) => (rest / limit, rest % limit),
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of a division by a u64")]
        Err(_) => {
            (u64::try_from(rest / u128::from(limit)).unwrap_or(u64::MAX), (rest % u128::from(limit)) as u64)
        }
    };
    State::new(arrival.now.saturating_add(ahead).saturating_add(1), ticks)
}

impl Backlog<u128> {
    /// What is said about a request that is so many ticks too large; `u128::MAX` is one that never fits.
    ///
    /// Few read all of it, and every number takes a division: within 64 bits it is worked out when it is read.
    fn quota(self, rate: Rate, over: u128) -> Quota {
        let narrow = |ticks| u64::try_from(ticks).ok().filter(|ticks| ticks >> 62 == 0);
        if let (Some(ticks), Some(capacity)) = (narrow(self.ticks), narrow(self.capacity)) {
            let over = if over == u128::MAX { u64::MAX } else { narrow(over).unwrap_or(u64::MAX - 1) };
            return Quota::of_backlog(rate, Backlog { ticks, capacity }, over);
        }
        let units = |ticks: u128| u64::try_from(ticks / u128::from(rate.period_micros())).unwrap_or(u64::MAX);
        let remaining = units(self.capacity.saturating_sub(self.ticks));
        let quota = match over {
            0 => Quota::allowed(rate, remaining),
            u128::MAX => Quota::never(rate, remaining),
            _ => Quota::denied(rate, remaining, micros(over, rate)),
        };
        quota.with_times(self.next_after(rate, remaining), micros(self.ticks, rate))
    }

    /// One more unit fits as soon as what is free has grown to the next whole unit.
    fn next_after(self, rate: Rate, remaining: u64) -> u64 {
        let next = (u128::from(remaining) + 1).saturating_mul(u128::from(rate.period_micros()));
        let drained = self.ticks.saturating_sub(self.capacity.saturating_sub(next));
        micros(drained.min(self.ticks), rate)
    }
}

impl Backlog {
    pub(crate) const fn remaining(self, rate: Rate) -> u64 {
        self.capacity.saturating_sub(self.ticks) / rate.period_micros()
    }

    pub(crate) fn next_after(self, rate: Rate) -> u64 {
        let wide = Backlog { ticks: u128::from(self.ticks), capacity: u128::from(self.capacity) };
        wide.next_after(rate, self.remaining(rate))
    }

    pub(crate) const fn reset_after(self, rate: Rate) -> u64 {
        Self::wait(self.ticks, rate)
    }

    pub(crate) const fn wait(over: u64, rate: Rate) -> u64 {
        over.div_ceil(rate.limit())
    }
}

/// Ticks as microseconds, rounded up: a wait must be long enough.
fn micros(ticks: u128, rate: Rate) -> u64 {
    u64::try_from(ticks.div_ceil(u128::from(rate.limit()))).unwrap_or(u64::MAX - 1)
}
