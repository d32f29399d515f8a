//! The idempotency tokens of a question: states that are stored together with those that a charge changes.
//!
//! A token is a state that ends when it may be forgotten, and whose word is the time of the charge. The script and the
//! compare-and-set write it only if they charge, so all attempts of a decision charge once.

use smallvec::SmallVec;

use super::question::{Question, States};
use crate::backend::{Attempt, Verdict};
use crate::strategy::State;
use crate::{BackendError, ErrorKind};

/// The tokens of a question, one for each identity that pays.
#[derive(Default)]
pub(super) struct Tokens<'a> {
    pub(super) attempt: Option<&'a Attempt>,
    /// Which of the names of the question are those of tokens.
    pub(super) names: SmallVec<[usize; 2]>,
}

impl Tokens<'_> {
    /// Whether attempts were made before this one.
    pub(super) fn is_retry(&self) -> bool {
        self.attempt.is_some_and(|attempt| attempt.is_retry)
    }

    /// Remembers the tokens, in the states that a charge at that time leaves.
    pub(super) fn remember(&self, after: &mut States, at: u64) {
        let lasts = self.attempt.map_or(0, Attempt::lasts);
        for &name in &self.names {
            if let Some(state) = after.get_mut(name) {
                *state = State::new(at.saturating_add(lasts), at);
            }
        }
    }

    /// When the charge was made, if all tokens are remembered; an error if only some are.
    fn charged(&self, states: &States, now: u64) -> Result<Option<u64>, BackendError> {
        let known =
            self.names.iter().filter_map(|name| states.get(*name)).filter(|state| state.until() > now);
        let times: SmallVec<[u64; 2]> = known.map(State::word).collect();
        match times.iter().min() {
            None => Ok(None),
            Some(at) if times.len() == self.names.len() => Ok(Some(*at)),
            Some(_) => Err(BackendError::new(
                ErrorKind::Store,
                "an earlier attempt of this decision has charged a part of its limits",
            )),
        }
    }
}

impl Question<'_> {
    /// The answer of an attempt that has charged already, by what is left now.
    pub(super) fn recognised(&self, states: &States, now: u64) -> Result<Option<Verdict>, BackendError> {
        let charged = self.tokens.charged(states, now)?;
        Ok(charged.map(|at| Verdict::new(self.uncharged(states, now), at)))
    }
}
