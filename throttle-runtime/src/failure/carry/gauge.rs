//! How much states have left, asked through a strategy's own step.

use crate::Quota;
use crate::strategy::{Arrival, State, Strategy};

/// What a state says at the time of an arrival, whose own cost does not count.
pub(super) fn ask(strategy: &dyn Strategy, state: &State, arrival: Arrival) -> Quota {
    strategy.step(state, &Arrival { cost: 0, ..arrival }).quota
}

/// How many units it has left.
pub(super) fn left(strategy: &dyn Strategy, state: &State, arrival: Arrival) -> u64 {
    ask(strategy, state, arrival).remaining()
}

/// The state with so many units more, as far as they fit.
pub(super) fn charged(strategy: &dyn Strategy, state: &State, arrival: Arrival, units: u64) -> State {
    let cost = units.min(left(strategy, state, arrival));
    if cost == 0 {
        return state.clone();
    }
    let step = strategy.step(state, &Arrival { cost, ..arrival });
    if step.quota.fits() { step.state } else { state.clone() }
}

/// The state, or what has to become of it to have no more left than another one.
///
/// Where one of two states has less left, now and until its next unit, it is that one. Only where each has less in
/// one regard, as logs can, is the state charged with more. A state that has expired says nothing.
pub(super) fn at_most(strategy: &dyn Strategy, state: &State, other: &State, arrival: Arrival) -> State {
    if other.until() <= arrival.now {
        return state.clone();
    }
    let [own, most] = [state, other].map(|state| ask(strategy, state, arrival));
    if has_no_more(&own, &most) {
        return state.clone();
    }
    if has_no_more(&most, &own) {
        return other.clone();
    }
    let over = own.remaining().saturating_sub(most.remaining());
    let level = charged(strategy, state, arrival, over);
    if has_no_more(&ask(strategy, &level, arrival), &most) {
        level
    } else {
        charged(strategy, state, arrival, over.saturating_add(1))
    }
}

fn has_no_more(one: &Quota, other: &Quota) -> bool {
    let later = one.next_after() >= other.next_after();
    one.remaining() < other.remaining() || (one.remaining() == other.remaining() && later)
}

/// By how many units a state has less left than the one before it, rounded up where parts of a unit are in play.
pub(super) fn owed(strategy: &dyn Strategy, (before, after): (&State, &State), arrival: Arrival) -> u64 {
    if before == after {
        return 0;
    }
    let [whole, before, after] = [&State::EMPTY, before, after].map(|state| ask(strategy, state, arrival));
    let units = before.remaining().saturating_sub(after.remaining());
    // Nothing is missing of a whole unit where everything is left.
    let in_parts = before.remaining() < whole.remaining() && before.next_after() != after.next_after();
    units.saturating_add(u64::from(in_parts))
}
