//! The state of `Adaptive`: the last window with a request, and shares of the limit.

use super::usage::{Usage, Usages};
use super::window_pair::{counts, store};
use super::{Arrival, State};

#[track_caller]
pub(super) const fn share(thousandths: u16) -> u16 {
    assert!(0 < thousandths && thousandths < 1_000, "a share is between 1 and 999 thousandths");
    thousandths
}

/// The whole limit, in thousandths.
pub(super) const WHOLE: u64 = 1_000;

/// The number of bits that thousandths need.
const BITS: u32 = 10;

/// Returns a share of the limit in units.
pub(super) const fn units(level: u64, limit: u64) -> u64 {
    // Computed in two parts, so that it does not overflow.
    let units = limit / WHOLE * level + limit % WHOLE * level / WHOLE;
    if units == 0 { 1 } else { units }
}

/// Returns the smallest share of the limit that has `units` units, or more than [`WHOLE`] if no share has.
pub(super) fn level_of(units: u64, limit: u64) -> u64 {
    let level = (u128::from(units) * u128::from(WHOLE)).div_ceil(u128::from(limit));
    if units <= 1 { 0 } else { u64::try_from(level).unwrap_or(u64::MAX) }
}

/// The window of the last request.
#[derive(Clone, Copy)]
pub(super) struct Last {
    /// The effective limit of that window, in thousandths of the whole limit.
    pub(super) level: u64,
    pub(super) used: u64,
    /// Whether the usage was a high load.
    pub(super) was_loaded: bool,
}

impl Last {
    /// The default without a state: the whole limit, and no usage.
    pub(super) const NONE: Self = Self { level: WHOLE, used: 0, was_loaded: false };

    /// Reads a state: returns the end of its window, and the window.
    pub(super) fn read(state: &State, period: u64) -> Option<(u64, Self)> {
        let (high, used) = counts(state);
        let idle = high & ((1 << BITS) - 1);
        let end = state.until().checked_sub(idle.saturating_mul(period))?;
        let level = WHOLE.checked_sub(high >> (BITS + 1))?;
        Some((end, Self { level, used, was_loaded: high >> BITS & 1 == 1 }))
    }

    /// Returns the state of a window that ends at `end`. The state matters for `idle` further windows without
    /// a request. A state that has lost more of the limit is greater. Among equal losses, the state with more
    /// usage is greater.
    pub(super) fn store(self, end: u64, idle: u64, arrival: &Arrival) -> State {
        let until = end.saturating_add(idle.saturating_mul(arrival.rate.period_micros()));
        let high = (WHOLE - self.level) << (BITS + 1) | u64::from(self.was_loaded) << BITS | idle;
        store(until, high, self.used)
    }
}

/// Returns the last window with a request, its age in windows, and the end of the present window.
pub(super) fn locate(state: &State, arrival: &Arrival) -> (Last, u64, u64) {
    let (now, period) = (arrival.now, arrival.rate.period_micros());
    let next = (now - now % period).saturating_add(period);
    let known = Last::read(state, period).filter(|_| state.until() > now);
    match known {
        Some((end, last)) if end <= next => (last, (next - end) / period, next),
        // The clock has stepped back.
        Some((end, last)) if end - next <= period => (last, 0, end),
        _ => (Last::NONE, 1, next),
    }
}

/// Lanes of a summary: the used units, the missing part of the whole limit, and whether the limit shrinks
/// further.
pub(super) const USED: u8 = 0;
pub(super) const LOST: u8 = 1;
pub(super) const LOADED: u8 = 2;

/// Returns the summary of a state.
pub(super) fn usages(state: &State, period: u64) -> Usages {
    let until = state.until();
    let Some((end, last)) = Last::read(state, period) else {
        return [Usage::spent(until)].into_iter().collect();
    };
    let lost = Usage::units(LOST, until, WHOLE - last.level);
    let loaded = Usage::units(LOADED, until, u64::from(last.was_loaded));
    [Usage::units(USED, end, last.used), lost, loaded].into_iter().collect()
}
