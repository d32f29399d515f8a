//! What the strategies share that count in aligned windows and go by the window before, too.

use super::{Arrival, State};

/// Which window a state was stored in, and when the one in force begins.
pub(super) enum Window {
    /// The one in force.
    Current(u64),
    /// The one before.
    Previous(u64),
    /// An older one, or none at all.
    None(u64),
}

/// Finds the window of a state. One that begins later than now, by up to a period, stays in force: the clock
/// has stepped back.
pub(super) const fn locate(state: &State, arrival: &Arrival) -> Window {
    let (now, period) = (arrival.now, arrival.rate.period_micros());
    let start = now - now % period;
    let until = state.until();
    match until.checked_sub(forgotten(start, period)) {
        Some(ahead) if ahead <= period => Window::Current(start.saturating_add(ahead)),
        None if until == start.saturating_add(period) => Window::Previous(start),
        _ => Window::None(start),
    }
}

/// When a window that began at `start` counts no more: at the end of the next one.
pub(super) const fn forgotten(start: u64, period: u64) -> u64 {
    start.saturating_add(period).saturating_add(period)
}

/// Whether the state is of the window in which the request was charged.
pub(super) const fn is_of_charge(state: &State, arrival: &Arrival, elapsed: u64) -> bool {
    let period = arrival.rate.period_micros();
    let charged = arrival.now.saturating_sub(elapsed);
    state.until() == forgotten(charged - charged % period, period)
}

/// Two counts: in one word, as long as both are within 32 bits.
pub(super) fn counts(state: &State) -> (u64, u64) {
    match *state.list() {
        [first, second] => (first, second),
        _ => (state.word() >> 32, state.word() & u64::from(u32::MAX)),
    }
}

/// The state of two counts, of which the first decides which of two states has used more.
pub(super) fn store(until: u64, first: u64, second: u64) -> State {
    match (u32::try_from(first), u32::try_from(second)) {
        (Ok(high), Ok(low)) => State::new(until, u64::from(high) << 32 | u64::from(low)),
        // The word says as much as it can, since states are compared by it.
        _ => State::new(until, first.min(u64::from(u32::MAX)) << 32 | u64::from(u32::MAX))
            .with_list(vec![first, second]),
    }
}
