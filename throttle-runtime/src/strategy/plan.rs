//! The fast path of the most common strategies: arithmetic on two words, without a dynamic call.

use super::divisor::Divisor;
use super::{Arrival, State, Step, backlog, fixed_window};
use crate::{Quota, Rate};

/// A strategy for one rate, in a form that is run directly. Only strategies whose states are always two
/// words, and which ignore class and load, have a plan. Their `step` uses the same functions.
#[derive(Debug, Clone, Copy)]
pub enum Plan {
    /// Aligned windows.
    Window,
    /// A backlog. Contains the capacity in ticks, and the limit as a divisor.
    Backlog(u64, Divisor),
}

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

impl Plan {
    /// Returns the step, or `None` if its numbers are too large for the fast path.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn step(self, words: Words) -> Option<Outcome> {
        match self {
            Self::Window => Some(fixed_window::decide(words, words.rate.limit())),
            Self::Backlog(capacity, limit) => backlog::decide(words, capacity, |ticks| limit.divide(ticks)),
        }
    }

    /// Returns how far the end of a state can be in the future when the state is stored, in microseconds.
    pub(crate) const fn horizon(self, rate: Rate) -> u64 {
        match self {
            Self::Window => rate.period_micros(),
            Self::Backlog(capacity, _) => capacity.div_ceil(rate.limit()),
        }
    }

    /// Converts a wait in microseconds to the unit that a [`Quota`] of this plan uses.
    pub(crate) const fn wait(self, micros: u64, rate: Rate) -> u64 {
        match self {
            Self::Window => micros,
            Self::Backlog(..) => micros.saturating_mul(rate.limit()),
        }
    }
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
