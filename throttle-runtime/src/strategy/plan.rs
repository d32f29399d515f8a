//! The fast path of the most common strategies: arithmetic on two words, without a dynamic call.

use super::divisor::Divisor;
use super::words::{Outcome, Words};
use super::{aligned_window, backlog};
use crate::rate::Rate;

/// A strategy for one rate, in a form that is run directly. Only strategies whose states are always two
/// words, and which ignore class and load, have a plan. Their `step` uses the same functions.
#[derive(Debug, Clone, Copy)]
pub enum Plan {
    /// Aligned windows.
    Window,
    /// A backlog. Contains the capacity in ticks, and the limit as a divisor.
    Backlog(u64, Divisor),
}

impl Plan {
    /// Returns the plan for a backlog with this capacity, if its numbers are small enough.
    pub(super) fn backlog(capacity: u128, rate: Rate) -> Option<Self> {
        Some(Self::Backlog(backlog::narrow(capacity)?, Divisor::new(rate.limit())?))
    }

    /// Returns the step, or `None` if its numbers are too large for the fast path.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn step(self, words: Words) -> Option<Outcome> {
        match self {
            Self::Window => Some(aligned_window::decide(words, words.rate.limit())),
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
