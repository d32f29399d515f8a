//! Openings that instances exchange: of this breaker for others, and of other instances for this breaker.

use std::sync::atomic::Ordering;

use super::circuit::Circuit;
use super::packed_state::Phase;
use super::{State, Transition};

/// A breaker that is open for a limited time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Distinguishes this opening from other openings of this breaker.
    pub(crate) generation: u32,
    /// The remaining time in microseconds; 0 if a request may probe.
    pub(crate) left: u64,
}

impl Circuit {
    /// Returns the current opening, unless the breaker is forced open.
    pub(super) fn opening(&self) -> Option<Opening> {
        let now = self.clock.now();
        // Under the lock, no new opening can begin.
        let turn = self.lock();
        let word = self.word();
        let left = self.next_attempt.load(Ordering::Acquire).saturating_sub(now);
        drop(turn);
        (word.phase() == Phase::Open).then_some(Opening { generation: word.generation(), left })
    }

    /// Opens the breaker because the breaker with the same name in another instance opened. It stays open for
    /// `wait`, which is the length of the other opening, plus `more`; both are in microseconds. Returns `None`
    /// if the breaker is forced open, because an operator's decision applies to this instance only.
    pub(super) fn follow(&self, wait: u64, more: u64) -> Option<(Opening, Option<Transition>)> {
        let now = self.clock.now();
        let mut turn = self.lock();
        let word = self.word();
        if word.phase() == Phase::Forced {
            return None;
        }
        // The configured bound of this breaker applies, whatever length the other instance reports.
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
            .then(|| Transition { remote: true, ..self.change(word, State::Open, now) });
        Some((Opening { generation: next.generation(), left }, change))
    }

    /// Lets a request probe, if the breaker is still in this opening.
    pub(super) fn may_probe(&self, generation: u32) {
        let now = self.clock.now();
        let _turn = self.lock();
        let word = self.word();
        if word.phase() == Phase::Open && word.generation() == generation {
            self.next_attempt.fetch_min(now, Ordering::AcqRel);
        }
    }
}
