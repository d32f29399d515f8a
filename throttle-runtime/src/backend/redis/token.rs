//! The idempotency tokens of a decision: states that are stored together with the states that a charge changes.
//!
//! A token is a state that expires when the token is no longer needed, and whose word is the time of the
//! charge. The script and the compare-and-set write the token only if they charge. Therefore, all attempts of a
//! decision together charge once.

use smallvec::SmallVec;

use crate::backend::Attempt;
use crate::error::{BackendError, ErrorKind};
use crate::strategy::State;

/// The tokens of a decision, one for each identity that is charged.
#[derive(Default)]
pub(super) struct Tokens<'a> {
    pub(super) attempt: Option<&'a Attempt>,
    /// The indexes of the tokens in the states of the request.
    pub(super) states: SmallVec<[usize; 2]>,
}

impl Tokens<'_> {
    /// Whether this attempt is a retry.
    pub(super) fn is_retry(&self) -> bool {
        self.attempt.is_some_and(|attempt| attempt.is_retry)
    }

    /// Stores the tokens in the states that a charge at the time `at` leaves.
    pub(super) fn store(&self, after: &mut [State], at: u64) {
        let lasts = self.attempt.map_or(0, Attempt::lasts);
        for &index in &self.states {
            if let Some(state) = after.get_mut(index) {
                *state = State::new(at.saturating_add(lasts), at);
            }
        }
    }

    /// Returns the time of the charge if all tokens are stored. Fails if only some of them are stored.
    pub(super) fn charged_at(&self, states: &[State], now: u64) -> Result<Option<u64>, BackendError> {
        let known =
            self.states.iter().filter_map(|index| states.get(*index)).filter(|state| state.until() > now);
        let times: SmallVec<[u64; 2]> = known.map(State::word).collect();
        match times.iter().min() {
            None => Ok(None),
            Some(at) if times.len() == self.states.len() => Ok(Some(*at)),
            Some(_) => Err(BackendError::new(
                ErrorKind::Store,
                "an earlier attempt of this decision has charged a part of its limits",
            )),
        }
    }
}
