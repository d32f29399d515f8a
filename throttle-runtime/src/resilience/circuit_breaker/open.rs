//! Requests that find the breaker open or half-open, the results of probes, and operator commands.

use std::sync::atomic::Ordering;

use super::circuit::Circuit;
use super::packed_state::{PackedState, Phase};
use super::{State, Transition};

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeOutcome {
    Success,
    Failure,
}

/// The result for a request that found the breaker not closed.
pub(super) enum Entered {
    /// The breaker has been closed meanwhile.
    Pass(u32),
    /// The request holds the probe permit. The caller has to wrap it in a guard before anything can panic.
    Probe(u32, Option<Transition>),
    Refused,
}

impl Circuit {
    #[cold]
    pub(super) fn enter(&self, mut word: PackedState) -> Entered {
        loop {
            // The clock is read after the word, so that `now` is not before the opening that the word
            // describes.
            let now = self.clock.now();
            match word.phase() {
                Phase::Closed => return Entered::Pass(word.generation()),
                Phase::Open if self.is_due(now) => {}
                Phase::Open | Phase::Forced => return Entered::Refused,
                Phase::HalfOpen => {}
            }
            match self.claim(word, now) {
                Ok(entered) => return entered,
                Err(found) => word = found,
            }
        }
    }

    /// Whether all requests that find this word are rejected.
    pub(super) fn refuses(&self, word: PackedState) -> bool {
        match word.phase() {
            Phase::Closed | Phase::HalfOpen => false,
            Phase::Open => !self.is_due(self.clock.now()),
            Phase::Forced => true,
        }
    }

    /// A clock that has stepped back must not keep the breaker open for longer. Therefore, a time before the
    /// opening also allows a probe.
    fn is_due(&self, now: u64) -> bool {
        now >= self.next_attempt.load(Ordering::Acquire) || now < self.opened_at.load(Ordering::Acquire)
    }

    /// Takes the probe permit if it is free. Returns the current word if the phase has changed since `found`.
    fn claim(&self, found: PackedState, now: u64) -> Result<Entered, PackedState> {
        let mut turn = self.lock();
        let word = self.word();
        if word.generation() != found.generation() {
            return Err(word);
        }
        if word.phase() == Phase::HalfOpen {
            let taken = std::mem::replace(&mut turn.probing, true);
            return Ok(if taken { Entered::Refused } else { Entered::Probe(word.generation(), None) });
        }
        let next = word.next(Phase::HalfOpen, word.failures());
        turn.probing = true;
        self.successes.store(0, Ordering::Release);
        self.advance(&mut turn, next);
        Ok(Entered::Probe(next.generation(), Some(self.change(word, State::HalfOpen, now))))
    }

    /// Records the end of a probe of this generation. The outcome is `None` if the probe was dropped.
    pub(super) fn probed(&self, generation: u32, outcome: Option<ProbeOutcome>) {
        let now = outcome.map_or(0, |_| self.clock.now());
        let change = self.settle(generation, outcome, now);
        self.publish(change);
    }

    fn settle(&self, generation: u32, outcome: Option<ProbeOutcome>, now: u64) -> Option<Transition> {
        let mut turn = self.lock();
        let word = self.word();
        if word.generation() != generation {
            return None;
        }
        turn.probing = false;
        match outcome? {
            ProbeOutcome::Success => {
                let successes = self.successes.load(Ordering::Acquire).saturating_add(1);
                if successes < self.rules.successes {
                    self.successes.store(successes, Ordering::Release);
                    return None;
                }
                self.advance(&mut turn, word.next(Phase::Closed, 0));
                Some(self.change(word, State::Closed, now))
            }
            ProbeOutcome::Failure => {
                let counted = word.with_failures(word.failures().saturating_add(1));
                let wait = self.rules.next_wait(turn.wait);
                self.set_times(&mut turn, wait, now);
                self.advance(&mut turn, word.next(Phase::Open, counted.failures()));
                Some(self.change(counted, State::Open, now))
            }
        }
    }

    pub(super) fn force_open(&self) {
        let now = self.clock.now();
        let mut turn = self.lock();
        let word = self.word();
        if word.phase() == Phase::Forced {
            return;
        }
        if word.phase() != Phase::Open {
            self.opened_at.store(now, Ordering::Release);
        }
        self.advance(&mut turn, word.next(Phase::Forced, word.failures()));
        drop(turn);
        self.publish(Some(self.change(word, State::Open, now)));
    }

    pub(super) fn force_close(&self) {
        let now = self.clock.now();
        let mut turn = self.lock();
        let word = self.word();
        self.advance(&mut turn, word.next(Phase::Closed, 0));
        drop(turn);
        self.publish((!word.is_closed()).then(|| self.change(word, State::Closed, now)));
    }
}
