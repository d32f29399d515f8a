//! Evaluates one request against all limits of all its charges, by the states of its limits.
//!
//! All backends that evaluate requests in this process use this function. They read and write states in different
//! ways:
//!
//! - The memory backend reads states under the locks of pages, and has a summary of evicted states.
//! - Stores keep all states of an identity in one record, with attempts and a mark of resets.
//! - The Redis backend keeps each state under its own key.
//!
//! The fast path of the memory backend has a single limit, and must not make a dynamic call. Therefore it
//! evaluates the limit without this function.

use super::Charge;
use crate::decision::{Quota, Quotas};
use crate::rate::Rate;
use crate::strategy::{Arrival, State};

/// The states of the limits of a request, as a backend reads and changes them.
pub(super) trait LimitStates {
    /// Makes the step of a limit, keeps the new state, and returns the quota. A second charge of the same
    /// identity continues with the state that the first charge leaves.
    fn step(&mut self, limit: LimitIndex, charge: &Charge<'_>, arrival: &Arrival) -> Quota;
}

/// The position of a limit in a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct LimitIndex {
    pub(super) charge: usize,
    /// The position among the limits of the charge.
    pub(super) limit: usize,
}

/// Decides a request. If all limits allow it, `after` contains the new states. If not, nothing is charged:
/// limits that would have allowed the request have the quotas that `remaining` returns.
#[inline]
pub(super) fn evaluate(
    charges: &[Charge<'_>],
    now: u64,
    after: &mut impl LimitStates,
    remaining: impl FnOnce() -> Quotas,
) -> Quotas {
    let mut quotas = step_all(charges, now, after, |charge| charge.cost);
    if !quotas.fit() {
        quotas.uncharge(remaining);
    }
    quotas
}

/// Returns the remaining quotas of all limits, without a charge.
pub(super) fn remaining(charges: &[Charge<'_>], now: u64, states: &mut impl LimitStates) -> Quotas {
    step_all(charges, now, states, |_| 0)
}

#[inline]
fn step_all(
    charges: &[Charge<'_>],
    now: u64,
    states: &mut impl LimitStates,
    cost: impl Fn(&Charge<'_>) -> u64,
) -> Quotas {
    let mut quotas = Quotas::new();
    for (number, charge) in charges.iter().enumerate() {
        for (limit, &rate) in charge.rates.iter().enumerate() {
            if rate.is_unlimited() {
                quotas.push(Quota::allowed(rate, u64::MAX));
                continue;
            }
            let arrival = charge.arrival(rate, cost(charge), now);
            quotas.push(states.step(LimitIndex { charge: number, limit }, charge, &arrival));
        }
    }
    quotas
}

/// Returns the state of one limit after the refund of a charge that was made at the time `charged_at`.
pub(super) fn refunded(charge: &Charge<'_>, rate: Rate, state: &State, charged_at: u64, now: u64) -> State {
    let arrival = charge.arrival(rate, charge.cost, now);
    charge.strategy.refund(state, &arrival, now.saturating_sub(charged_at))
}
