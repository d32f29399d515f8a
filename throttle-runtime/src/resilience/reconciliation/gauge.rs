//! Measures how much quota states have left, with the strategy's own step function.

use crate::decision::Quota;
use crate::strategy::{Arrival, State, Strategy};

/// Returns the quota of a state at the time of an arrival. The cost of the arrival is ignored.
pub(super) fn ask(strategy: &dyn Strategy, state: &State, arrival: Arrival) -> Quota {
    strategy.step(state, &Arrival { cost: 0, ..arrival }).quota
}

/// Returns the units that the state has left.
pub(super) fn left(strategy: &dyn Strategy, state: &State, arrival: Arrival) -> u64 {
    ask(strategy, state, arrival).remaining()
}

/// Returns the state charged with `units`, or with as many of them as fit.
pub(super) fn charged(strategy: &dyn Strategy, state: &State, arrival: Arrival, units: u64) -> State {
    let cost = units.min(left(strategy, state, arrival));
    if cost == 0 {
        return state.clone();
    }
    let step = strategy.step(state, &Arrival { cost, ..arrival });
    if step.quota.fits() { step.state } else { state.clone() }
}

/// Returns a state that has no more left than `other`: `state` itself if possible.
///
/// If one of the two states has less left, both now and until its next unit, the result is that state. Logs can
/// be such that each state has less by one of the two measures. Only then, `state` is charged with more units.
/// An `other` that has expired is ignored.
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

/// Returns by how many units `after` has less left than `before`. The result is rounded up if they differ by
/// parts of a unit.
pub(super) fn owed(strategy: &dyn Strategy, (before, after): (&State, &State), arrival: Arrival) -> u64 {
    if before == after {
        return 0;
    }
    let [whole, before, after] = [&State::EMPTY, before, after].map(|state| ask(strategy, state, arrival));
    let units = before.remaining().saturating_sub(after.remaining());
    // If the whole limit is left, no part of a unit is used.
    let in_parts = before.remaining() < whole.remaining() && before.next_after() != after.next_after();
    units.saturating_add(u64::from(in_parts))
}
