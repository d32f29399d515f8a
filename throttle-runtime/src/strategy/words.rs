//! A state, an arrival and a step as words, without allocation. Alone because plans and windows import it.

use super::{Arrival, State, Step};
use crate::decision::Quota;
use crate::rate::Rate;

/// A [`Step`] in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) quota: Quota,
    pub(crate) until: u64,
    pub(crate) word: u64,
}

/// A state and an arrival in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) until: u64,
    pub(crate) word: u64,
    pub(crate) rate: Rate,
    pub(crate) cost: u64,
    pub(crate) now: u64,
}

impl Words {
    #[inline]
    pub(crate) const fn new(state: &State, arrival: &Arrival) -> Self {
        let Arrival { rate, cost, now, .. } = *arrival;
        Self { until: state.until(), word: state.word(), rate, cost, now }
    }
}

impl From<Outcome> for Step {
    #[inline]
    fn from(outcome: Outcome) -> Self {
        Self { quota: outcome.quota, state: State::new(outcome.until, outcome.word) }
    }
}
