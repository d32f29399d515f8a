//! A decision request: the limits of all charges, and the states that decide about them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::keys::{Names, of_reset};
use super::token::Tokens;
use crate::backend::{Charge, Mark, Marks, Mode, Resets, Verdict};
use crate::strategy::{Arrival, State};
use crate::util::fingerprint::Secret;
use crate::{BackendError, Quota, Quotas, Rate};

pub(super) type States = SmallVec<[State; 2]>;

/// The charges of one request, and the states that they need.
pub(super) struct Question<'a> {
    charges: &'a [Charge<'a>],
    pub(super) mode: Mode,
    /// The fingerprint of the identity and the throttle of each charge.
    pub(super) payers: SmallVec<[u128; 2]>,
    /// The charge and the limit of each state, without duplicates.
    places: SmallVec<[(usize, usize); 2]>,
    /// The Redis keys of the states, after [`named`](Self::named) was called.
    pub(super) names: SmallVec<[Arc<str>; 2]>,
    /// For each charge, the index of its reset mark in `names`; empty for a decision.
    marks: SmallVec<[usize; 2]>,
    /// The index in `names` of the mark of the last reset of all identities, if it is needed.
    pub(super) reset: Option<usize>,
    /// The tokens that identify attempts of the decision. Their names follow all others.
    pub(super) tokens: Tokens<'a>,
    /// The limits of all charges in order, without unlimited rates.
    pub(super) limits: SmallVec<[Limit; 2]>,
}

/// A limit of a charge.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    charge: usize,
    pub(super) rate: Rate,
    /// The index in `names`.
    pub(super) name: usize,
}

impl<'a> Question<'a> {
    pub(super) fn new(charges: &'a [Charge<'a>], mode: Mode) -> Self {
        let secret = Secret::of_process();
        let mut question = Self {
            charges,
            mode,
            payers: charges.iter().map(|charge| secret.fingerprint(charge.domain, charge.key)).collect(),
            places: SmallVec::new(),
            names: SmallVec::new(),
            marks: SmallVec::new(),
            reset: None,
            tokens: Tokens::default(),
            limits: SmallVec::new(),
        };
        for (charge, asked) in charges.iter().enumerate() {
            for (index, &rate) in asked.rates.iter().enumerate().filter(|(_, rate)| !rate.is_unlimited()) {
                let name = question.state_of(charge, index);
                question.limits.push(Limit { charge, rate, name });
            }
        }
        if mode == Mode::Take {
            question.tokens.attempt = charges.first().and_then(|charge| charge.attempt);
        }
        question
    }

    /// Adds the marks of resets, for resets and refunds.
    pub(super) fn with_marks(mut self) -> Self {
        for (charge, asked) in self.charges.iter().enumerate() {
            let mark = self.state_of(charge, asked.rates.len());
            self.marks.push(mark);
        }
        self
    }

    /// Adds the mark of the last reset of all identities, for refunds. Call it after `named`.
    pub(super) fn with_reset(mut self, namespace: &str) -> Self {
        self.reset = Some(self.names.len());
        self.names.push(of_reset(namespace));
        self
    }

    /// Two charges of one identity to one throttle share one state.
    fn state_of(&mut self, charge: usize, limit: usize) -> usize {
        let payers = &self.payers;
        let same = |place: &(usize, usize)| (payers[place.0], place.1) == (payers[charge], limit);
        self.places.iter().position(same).unwrap_or_else(|| {
            self.places.push((charge, limit));
            self.places.len() - 1
        })
    }

    /// Computes the Redis keys of the states. This is slow, and a decision from the cache does not need them.
    pub(super) fn named(mut self, namespace: &str) -> Self {
        let mut last = None;
        for &(charge, limit) in &self.places {
            let (of, mut names) = last
                .take()
                .filter(|(of, _)| *of == charge)
                .unwrap_or_else(|| (charge, Names::new(namespace, &self.charges[charge])));
            self.names.push(names.of_limit(limit));
            last = Some((of, names));
        }
        if let Some(attempt) = self.tokens.attempt {
            for (charge, payer) in self.payers.iter().enumerate() {
                // Two charges of one identity to one throttle share one token.
                if !self.payers[..charge].contains(payer) {
                    self.tokens.names.push(self.names.len());
                    self.names.push(Names::new(namespace, &self.charges[charge]).of_token(attempt.token));
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

    /// Decides by these states, one for each name. Returns the quotas, and the new states if the request fits.
    pub(super) fn answer(&self, states: &States, now: u64) -> (Quotas, Option<States>) {
        let mut after = states.clone();
        let mut quotas = self.step_all(&mut after, now, |cost| cost);
        if quotas.fit() {
            self.tokens.remember(&mut after, now);
            return (quotas, Some(after));
        }
        quotas.uncharge(|| self.uncharged(states, now));
        (quotas, None)
    }

    /// Returns the decision of an earlier attempt that has charged, with the quotas that remain now.
    pub(super) fn recognised(&self, states: &States, now: u64) -> Result<Option<Verdict>, BackendError> {
        let charged = self.tokens.charged(states, now)?;
        Ok(charged.map(|at| Verdict::new(self.uncharged(states, now), at)))
    }

    /// Returns the remaining quotas of all limits, without a charge.
    pub(super) fn uncharged(&self, states: &States, now: u64) -> Quotas {
        self.step_all(&mut states.clone(), now, |_| 0)
    }

    fn step_all(&self, states: &mut States, now: u64, cost: impl Fn(u64) -> u64) -> Quotas {
        let mut limits = self.limits.iter();
        let rates = self.charges.iter().flat_map(|charge| charge.rates);
        let quota = |rate: &Rate| match if rate.is_unlimited() { None } else { limits.next() } {
            None => Quota::allowed(*rate, u64::MAX),
            Some(limit) => {
                let charge = self.charge(*limit);
                let arrival = charge.arrival(limit.rate, cost(charge.cost), now);
                let step = charge.strategy.step(&states[limit.name], &arrival);
                states[limit.name] = step.state;
                step.quota
            }
        };
        rates.map(quota).collect()
    }

    /// Returns the states after a reset. A mark with the time of the reset remains as long as charges from
    /// before the reset may be refunded.
    pub(super) fn forget(&self, states: &States, now: u64, marks: &mut [Mark]) -> States {
        let mut after: States = states.iter().map(|_| State::EMPTY).collect();
        for (charge, &mark) in self.marks.iter().enumerate() {
            let last = self.last_of(charge, states);
            if last > now {
                marks[charge] = Mark::new(now, last);
                after[mark] = marks[charge].state();
            }
        }
        after
    }

    /// Returns until when the states of a charge, or its mark, exist.
    fn last_of(&self, charge: usize, states: &States) -> u64 {
        let own = self.limits.iter().filter(|limit| limit.charge == charge).map(|limit| limit.name);
        own.chain(self.marks.get(charge).copied()).map(|name| states[name].until()).max().unwrap_or_default()
    }

    pub(super) const fn charges(&self) -> &'a [Charge<'a>] {
        self.charges
    }

    /// Returns the states after a refund of the charges, which were made at the time `taken`. Charges from
    /// before a reset are not refunded.
    pub(super) fn refund(&self, states: &States, now: u64, taken: u64, resets: &Resets) -> States {
        let (mut after, elapsed) = (states.clone(), now.saturating_sub(taken));
        let is_void = |charge: usize| {
            let mark = |name: Option<usize>| name.and_then(|name| Mark::of(&states[name], now));
            let marks = Marks { of_one: mark(self.marks.get(charge).copied()), of_all: mark(self.reset) };
            resets.is_void(&self.charges[charge], taken, marks)
        };
        for &limit in self.limits.iter().filter(|limit| !is_void(limit.charge)) {
            let state = &mut after[limit.name];
            if *state != State::EMPTY {
                *state = self.charge(limit).strategy.refund(state, &self.arrival(limit, now), elapsed);
            }
        }
        after
    }
}
