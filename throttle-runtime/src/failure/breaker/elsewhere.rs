//! Openings that others are told of, and those that others tell of.

use std::sync::atomic::Ordering;

use super::circuit::Circuit;
use super::word::Phase;
use super::{Change, State};

/// A breaker that is open until some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// What tells it from other openings of this breaker.
    pub(crate) generation: u32,
    /// How long it still lasts, in microseconds; 0 if a request may probe.
    pub(crate) left: u64,
}

impl Circuit {
    /// The opening that it is in, unless somebody forced it.
    pub(super) fn opening(&self) -> Option<Opening> {
        let now = self.clock.now();
        // Nothing that begins an opening comes in between.
        let turn = self.lock();
        let word = self.word();
        let left = self.next_attempt.load(Ordering::Acquire).saturating_sub(now);
        drop(turn);
        (word.phase() == Phase::Open).then_some(Opening { generation: word.generation(), left })
    }

    /// Opens it as another one of its name has: for the `wait` of that one and a little `more`, in microseconds. `None`
    /// if somebody forced it, as that is said of this one.
    pub(super) fn follow(&self, wait: u64, more: u64) -> Option<(Opening, Option<Change>)> {
        let now = self.clock.now();
        let mut turn = self.lock();
        let word = self.word();
        if word.phase() == Phase::Forced {
            return None;
        }
        // Whatever it is told, it stays open for no longer than by what it says itself.
        let wait = wait.min(self.rules.longest_wait());
        turn.wait = wait.max(self.rules.first_wait());
        if word.phase() != Phase::Open {
            self.opened_at.store(now, Ordering::Release);
        }
        let left = wait.saturating_add(more);
        self.next_attempt.store(now.saturating_add(left), Ordering::Release);
        let next = word.next(Phase::Open, word.failures());
        self.advance(&mut turn, next);
        let change = (word.phase() != Phase::Open)
            .then(|| Change { elsewhere: true, ..self.change(word, State::Open, now) });
        Some((Opening { generation: next.generation(), left }, change))
    }

    /// Lets a request probe, if it is still in that opening.
    pub(super) fn may_probe(&self, generation: u32) {
        let now = self.clock.now();
        let _turn = self.lock();
        let word = self.word();
        if word.phase() == Phase::Open && word.generation() == generation {
            self.next_attempt.fetch_min(now, Ordering::AcqRel);
        }
    }
}
