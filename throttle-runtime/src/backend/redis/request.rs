//! A decision request: the limits of all charges, and the states that decide about them.

use std::slice;
use std::sync::Arc;

use smallvec::SmallVec;

use super::keys::{Keys, global_reset_mark};
use super::token::Tokens;
use crate::backend::evaluate::{LimitIndex, LimitStates, evaluate, refunded, remaining};
use crate::backend::{Charge, Mark, Marks, Mode, Resets, Verdict};
use crate::decision::{Quota, Quotas};
use crate::error::BackendError;
use crate::rate::Rate;
use crate::strategy::{Arrival, State};
use crate::util::fingerprint::Secret;

pub(super) type States = SmallVec<[State; 2]>;

/// The charges of one request, and the states that they need.
pub(super) struct Request<'a> {
    charges: &'a [Charge<'a>],
    pub(super) mode: Mode,
    /// The fingerprint of the identity and the throttle of each charge.
    pub(super) fingerprints: SmallVec<[u128; 2]>,
    /// The charge and the limit of each state, without duplicates.
    origins: SmallVec<[(usize, usize); 2]>,
    /// The Redis keys of the states, after [`with_keys`](Self::with_keys) was called.
    pub(super) keys: SmallVec<[Arc<str>; 2]>,
    /// For each charge, the index of its reset mark in `keys`; empty for a decision.
    reset_marks: SmallVec<[usize; 2]>,
    /// The index in `keys` of the mark of the last reset of all identities, if it is needed.
    pub(super) global_mark: Option<usize>,
    /// The tokens that identify attempts of the decision. Their keys follow all others.
    pub(super) tokens: Tokens<'a>,
    /// The limits of all charges in order, without unlimited rates.
    pub(super) limits: SmallVec<[Limit; 2]>,
}

/// A limit of a charge.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    charge: usize,
    pub(super) rate: Rate,
    /// The index of its state, and of the key of that state.
    pub(super) state: usize,
}

/// The states of the limits of a request.
struct RequestStates<'r> {
    /// The limits that have not made their step yet.
    limits: slice::Iter<'r, Limit>,
    states: States,
}

impl LimitStates for RequestStates<'_> {
    fn step(&mut self, _: LimitIndex, charge: &Charge<'_>, arrival: &Arrival) -> Quota {
        // The limits of a request are in the order in which they make their steps.
        let Some(limit) = self.limits.next() else { return Quota::allowed(arrival.rate, u64::MAX) };
        let state = &mut self.states[limit.state];
        let step = charge.strategy.step(state, arrival);
        *state = step.state;
        step.quota
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(charges: &'a [Charge<'a>], mode: Mode) -> Self {
        let secret = Secret::of_process();
        let mut request = Self {
            charges,
            mode,
            fingerprints: charges
                .iter()
                .map(|charge| secret.fingerprint(charge.domain, charge.key))
                .collect(),
            origins: SmallVec::new(),
            keys: SmallVec::new(),
            reset_marks: SmallVec::new(),
            global_mark: None,
            tokens: Tokens::default(),
            limits: SmallVec::new(),
        };
        for (charge, Charge { rates, .. }) in charges.iter().enumerate() {
            for (index, &rate) in rates.iter().enumerate().filter(|(_, rate)| !rate.is_unlimited()) {
                let state = request.state_index(charge, index);
                request.limits.push(Limit { charge, rate, state });
            }
        }
        if mode == Mode::Consume {
            request.tokens.attempt = charges.first().and_then(|charge| charge.attempt);
        }
        request
    }

    /// Adds the marks of resets, for resets and refunds.
    pub(super) fn with_reset_marks(mut self) -> Self {
        for (charge, Charge { rates, .. }) in self.charges.iter().enumerate() {
            let mark = self.state_index(charge, rates.len());
            self.reset_marks.push(mark);
        }
        self
    }

    /// Adds the mark of the last reset of all identities, for refunds. Call it after `with_keys`.
    pub(super) fn with_global_reset_mark(mut self, namespace: &str) -> Self {
        self.global_mark = Some(self.keys.len());
        self.keys.push(global_reset_mark(namespace));
        self
    }

    /// Two charges of one identity to one throttle share one state.
    fn state_index(&mut self, charge: usize, limit: usize) -> usize {
        let fingerprints = &self.fingerprints;
        let same =
            |origin: &(usize, usize)| (fingerprints[origin.0], origin.1) == (fingerprints[charge], limit);
        self.origins.iter().position(same).unwrap_or_else(|| {
            self.origins.push((charge, limit));
            self.origins.len() - 1
        })
    }

    /// Computes the Redis keys of the states. This is slow, and a decision from the cache does not need them.
    pub(super) fn with_keys(mut self, namespace: &str) -> Self {
        let mut last = None;
        for &(charge, limit) in &self.origins {
            let (of_charge, mut keys) = last
                .take()
                .filter(|(last_charge, _)| *last_charge == charge)
                .unwrap_or_else(|| (charge, Keys::new(namespace, &self.charges[charge])));
            self.keys.push(keys.of_limit(limit));
            last = Some((of_charge, keys));
        }
        if let Some(attempt) = self.tokens.attempt {
            for (charge, fingerprint) in self.fingerprints.iter().enumerate() {
                // Two charges of one identity to one throttle share one token.
                if !self.fingerprints[..charge].contains(fingerprint) {
                    self.tokens.states.push(self.keys.len());
                    self.keys.push(Keys::new(namespace, &self.charges[charge]).of_token(attempt.token));
                }
            }
        }
        self
    }

    /// Returns the charge of a limit.
    pub(super) fn charge(&self, limit: Limit) -> &'a Charge<'a> {
        &self.charges[limit.charge]
    }

    /// Returns the charge of a limit as the strategy receives it.
    pub(super) fn arrival(&self, limit: Limit, now: u64) -> Arrival {
        let charge = self.charge(limit);
        charge.arrival(limit.rate, charge.cost, now)
    }

    /// Decides by these states, one for each key. Returns the quotas, and the new states if the request fits.
    pub(super) fn evaluate(&self, states: &States, now: u64) -> (Quotas, Option<States>) {
        let mut after = self.limit_states(states);
        let quotas = evaluate(self.charges, now, &mut after, || self.remaining(states, now));
        let after = quotas.fit().then(|| {
            let mut after = after.states;
            self.tokens.store(&mut after, now);
            after
        });
        (quotas, after)
    }

    /// Returns the decision of an earlier attempt that has charged, with the quotas that remain now.
    pub(super) fn earlier_verdict(&self, states: &States, now: u64) -> Result<Option<Verdict>, BackendError> {
        let charged = self.tokens.charged_at(states, now)?;
        Ok(charged.map(|at| Verdict::new(self.remaining(states, now), at)))
    }

    /// Returns the remaining quotas of all limits, without a charge.
    pub(super) fn remaining(&self, states: &States, now: u64) -> Quotas {
        remaining(self.charges, now, &mut self.limit_states(states))
    }

    fn limit_states(&self, states: &States) -> RequestStates<'_> {
        RequestStates { limits: self.limits.iter(), states: states.clone() }
    }

    /// Returns the states after a reset. A mark with the time of the reset remains as long as charges from
    /// before the reset may be refunded.
    pub(super) fn forget(&self, states: &States, now: u64, reset_marks: &mut [Mark]) -> States {
        let mut after: States = states.iter().map(|_| State::EMPTY).collect();
        for (charge, &mark) in self.reset_marks.iter().enumerate() {
            let last = self.expiry_of(charge, states);
            if last > now {
                reset_marks[charge] = Mark::new(now, last);
                after[mark] = reset_marks[charge].state();
            }
        }
        after
    }

    /// Returns until when the states of a charge, or its mark, exist.
    fn expiry_of(&self, charge: usize, states: &States) -> u64 {
        let own = self.limits.iter().filter(|limit| limit.charge == charge).map(|limit| limit.state);
        own.chain(self.reset_marks.get(charge).copied())
            .map(|state| states[state].until())
            .max()
            .unwrap_or_default()
    }

    pub(super) const fn charges(&self) -> &'a [Charge<'a>] {
        self.charges
    }

    /// Returns the states after a refund of the charges, which were made at the time `charged_at`. Charges from
    /// before a reset are not refunded.
    pub(super) fn refund(&self, states: &States, now: u64, charged_at: u64, resets: &Resets) -> States {
        let mut after = states.clone();
        let is_void = |charge: usize| {
            let mark = |state: Option<usize>| state.and_then(|state| Mark::of(&states[state], now));
            let reset_marks =
                Marks { of_one: mark(self.reset_marks.get(charge).copied()), of_all: mark(self.global_mark) };
            resets.is_void(&self.charges[charge], charged_at, reset_marks)
        };
        for &limit in self.limits.iter().filter(|limit| !is_void(limit.charge)) {
            let state = &mut after[limit.state];
            if *state != State::EMPTY {
                *state = refunded(self.charge(limit), limit.rate, state, charged_at, now);
            }
        }
        after
    }
}
