//! The numbers of a quota that are computed from a backlog: units that drain at the rate, counted in ticks.

use crate::rate::Rate;

/// A backlog and its capacity, in ticks. The numbers of a [`Quota`](super::Quota) are computed from it only
/// when they are read, because each number takes a division and few callers read all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) ticks: u64,
    pub(crate) capacity: u64,
}

impl Backlog {
    /// Returns the units of the capacity.
    pub(crate) const fn most(self, rate: Rate) -> u64 {
        self.capacity / rate.period_micros()
    }

    /// Returns whether `units` is the greater of the capacity's units and the rate's limit, without a
    /// division.
    pub(crate) const fn holds(self, units: u64, rate: Rate) -> bool {
        let (capacity, period) = (self.capacity as u128, rate.period_micros() as u128);
        let least = units as u128 * period;
        capacity < least + period && (units == rate.limit() || (units > rate.limit() && capacity >= least))
    }

    pub(crate) const fn remaining(self, rate: Rate) -> u64 {
        self.capacity.saturating_sub(self.ticks) / rate.period_micros()
    }

    pub(crate) fn next_after(self, rate: Rate) -> u64 {
        next_after(self.ticks.into(), self.capacity.into(), rate)
    }

    pub(crate) const fn reset_after(self, rate: Rate) -> u64 {
        Self::wait(self.ticks, rate)
    }

    /// Returns how long these ticks take to drain, rounded up so that a wait is long enough.
    pub(crate) const fn wait(ticks: u64, rate: Rate) -> u64 {
        ticks.div_ceil(rate.limit())
    }
}

/// Returns when one more unit fits, in microseconds: as soon as the free capacity has grown to the next whole unit.
pub(crate) fn next_after(ticks: u128, capacity: u128, rate: Rate) -> u64 {
    let remaining = units(capacity.saturating_sub(ticks), rate);
    let next = (u128::from(remaining) + 1).saturating_mul(u128::from(rate.period_micros()));
    micros(ticks.saturating_sub(capacity.saturating_sub(next)).min(ticks), rate)
}

/// Converts ticks to whole units.
pub(crate) fn units(ticks: u128, rate: Rate) -> u64 {
    u64::try_from(ticks / u128::from(rate.period_micros())).unwrap_or(u64::MAX)
}

/// Converts ticks to microseconds, rounded up so that a wait is long enough.
pub(crate) fn micros(ticks: u128, rate: Rate) -> u64 {
    u64::try_from(ticks.div_ceil(u128::from(rate.limit()))).unwrap_or(u64::MAX - 1)
}
