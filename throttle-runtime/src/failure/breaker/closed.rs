//! Results of requests that passed while the breaker was closed.

use std::sync::atomic::Ordering;

use super::circuit::{Circuit, Turn};
use super::word::{Phase, Word};
use super::{Change, State};

impl Circuit {
    /// Of a request that passed in that generation. Where there is no failure to forget nothing is written.
    #[inline]
    pub(super) fn succeeded(&self, generation: u32) {
        if self.word() != Word::healthy(generation) {
            self.forget(generation);
        }
    }

    #[cold]
    fn forget(&self, generation: u32) {
        let mut word = self.word();
        while is_of(word, generation) && word.failures() > 0 {
            match self.replace(word, Word::healthy(generation)) {
                Ok(()) => return,
                Err(found) => word = found,
            }
        }
    }

    /// Of a request that passed in that generation: counts, and opens the breaker if that was one too many.
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

    /// Opens it, unless something has happened since `found`.
    fn trip(&self, found: Word, counted: Word) -> Result<Change, Word> {
        let now = self.clock.now();
        let mut turn = self.lock();
        // What is written now belongs to an opening that is there already.
        let word = self.word();
        if word != found {
            return Err(word);
        }
        self.set_times(&mut turn, self.rules.first_wait(), now);
        // A success may come in between.
        self.replace(found, counted.next(Phase::Open, counted.failures()))?;
        Ok(self.change(counted, State::Open, now))
    }

    /// An opening of that length, which begins now.
    pub(super) fn set_times(&self, turn: &mut Turn, wait: u64, now: u64) {
        turn.wait = wait;
        self.opened_at.store(now, Ordering::Release);
        self.next_attempt.store(now.saturating_add(self.rules.jittered(wait)), Ordering::Release);
    }
}

const fn is_of(word: Word, generation: u32) -> bool {
    word.is_closed() && word.generation() == generation
}
