//! Results of requests that passed while the breaker was closed.

use std::sync::atomic::Ordering;

use super::circuit::{Circuit, Turn};
use super::packed_state::{PackedState, Phase};
use super::{State, Transition};

impl Circuit {
    /// Records the success of a request that passed in this generation. If there are no failures to reset,
    /// nothing is written.
    #[inline]
    pub(super) fn succeeded(&self, generation: u32) {
        if self.word() != PackedState::healthy(generation) {
            self.forget(generation);
        }
    }

    #[cold]
    fn forget(&self, generation: u32) {
        let mut word = self.word();
        while is_of(word, generation) && word.failures() > 0 {
            match self.replace(word, PackedState::healthy(generation)) {
                Ok(()) => return,
                Err(found) => word = found,
            }
        }
    }

    /// Records the failure of a request that passed in this generation. Opens the breaker if the threshold is
    /// reached.
    #[cold]
    pub(super) fn failed(&self, generation: u32) {
        let mut word = self.word();
        while is_of(word, generation) {
            let counted = word.with_failures(word.failures().saturating_add(1));
            let done = if counted.failures() < self.rules.failures {
                self.replace(word, counted).map(|()| None)
            } else {
                self.trip(word, counted).map(Some)
            };
            match done {
                Ok(change) => return self.publish(change),
                Err(found) => word = found,
            }
        }
    }

    /// Opens the breaker. Returns the current word if it has changed since `found`.
    fn trip(&self, found: PackedState, counted: PackedState) -> Result<Transition, PackedState> {
        let now = self.clock.now();
        let mut turn = self.lock();
        // If another thread has opened the breaker, its times must not be overwritten.
        let word = self.word();
        if word != found {
            return Err(word);
        }
        self.set_times(&mut turn, self.rules.first_wait(), now);
        // A success may change the word concurrently.
        self.replace(found, counted.next(Phase::Open, counted.failures()))?;
        Ok(self.change(counted, State::Open, now))
    }

    /// Sets the times of an opening that begins now. `wait` is its length in microseconds, before jitter.
    pub(super) fn set_times(&self, turn: &mut Turn, wait: u64, now: u64) {
        turn.wait = wait;
        self.opened_at.store(now, Ordering::Release);
        self.next_attempt.store(now.saturating_add(self.rules.jittered(wait)), Ordering::Release);
    }
}

const fn is_of(word: PackedState, generation: u32) -> bool {
    word.is_closed() && word.generation() == generation
}
