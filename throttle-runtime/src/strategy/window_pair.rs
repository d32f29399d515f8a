//! Functions of the strategies that count in aligned windows and also use the previous window.

use super::{Arrival, State};

/// The window that a state was stored in, and when the present window begins.
pub(super) enum Window {
    /// The present window.
    Current(u64),
    /// The previous window.
    Previous(u64),
    /// An older window, or no window.
    None(u64),
}

/// Finds the window of a state. A window that begins up to one period in the future stays in effect, because
/// the clock has stepped back.
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

/// Returns when a window that began at `start` no longer counts: at the end of the next window.
pub(super) const fn forgotten(start: u64, period: u64) -> u64 {
    start.saturating_add(period).saturating_add(period)
}

/// Returns whether the state belongs to the window in which the request was charged.
pub(super) const fn is_of_charge(state: &State, arrival: &Arrival, elapsed: u64) -> bool {
    let period = arrival.rate.period_micros();
    let charged = arrival.now.saturating_sub(elapsed);
    state.until() == forgotten(charged - charged % period, period)
}

/// Returns the two counts of a state. They are in one word if both fit into 32 bits.
pub(super) fn counts(state: &State) -> (u64, u64) {
    match *state.list() {
        [first, second] => (first, second),
        _ => (state.word() >> 32, state.word() & u64::from(u32::MAX)),
    }
}

/// Returns the state of two counts. The first count decides which of two states has used more.
pub(super) fn store(until: u64, first: u64, second: u64) -> State {
    match (u32::try_from(first), u32::try_from(second)) {
        (Ok(high), Ok(low)) => State::new(until, u64::from(high) << 32 | u64::from(low)),
        // The word is capped at its maximum and not 0, because states are compared by it.
        _ => State::new(until, first.min(u64::from(u32::MAX)) << 32 | u64::from(u32::MAX))
            .with_list(vec![first, second]),
    }
}
