//! The shared state of a breaker: one word that all requests read, and the fields that belong to it.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::packed_state::{PackedState, Phase};
use super::state::ChangeLogs;
use super::thresholds::Rules;
use super::{CircuitBreaker, Snapshot, State, Transition};
use crate::clock::Clock;
use crate::util::duration::system_time;

/// The shared state of a breaker.
///
/// The phase changes only under the lock. Failures of a closed breaker are counted without the lock. The times
/// and the successes are written before the phase that they belong to, so a reader that sees the phase also
/// sees them.
pub(super) struct Circuit {
    pub(super) rules: Rules,
    on_transition: Option<fn(&Transition)>,
    name: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    word: AtomicU64,
    pub(super) opened_at: AtomicU64,
    pub(super) next_attempt: AtomicU64,
    pub(super) successes: AtomicU32,
    pub(super) turn: Mutex<Turn>,
    /// Wakes the task that informs other instances.
    observer: Option<Arc<Notify>>,
    logs: ChangeLogs,
}

/// Data that only the code that changes the phase reads, under the lock.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// While half-open: whether the only probe permit is taken.
    pub(super) probing: bool,
    /// The configured length of the last opening, before jitter, in microseconds.
    pub(super) wait: u64,
}

impl Circuit {
    pub(super) fn new(
        settings: CircuitBreaker,
        name: Arc<str>,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<Notify>>,
    ) -> Self {
        Self {
            rules: settings.rules,
            on_transition: settings.on_transition,
            name,
            clock,
            word: AtomicU64::new(PackedState::NEW.bits()),
            opened_at: AtomicU64::new(0),
            next_attempt: AtomicU64::new(0),
            successes: AtomicU32::new(0),
            turn: Mutex::default(),
            observer,
            logs: ChangeLogs::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(super) fn word(&self) -> PackedState {
        PackedState::from_bits(self.word.load(Ordering::Acquire))
    }

    /// Replaces the word `found` by `next`. Returns the current word if it is not `found`.
    pub(super) fn replace(&self, found: PackedState, next: PackedState) -> Result<(), PackedState> {
        self.word
            .compare_exchange(found.bits(), next.bits(), Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(PackedState::from_bits)
    }

    /// Writes a word of the next phase. A request that counts a failure concurrently finds another generation.
    pub(super) fn advance(&self, _: &mut Turn, next: PackedState) {
        self.word.store(next.bits(), Ordering::Release);
    }

    /// Acquires the lock. Code under the lock cannot panic, so a poisoned lock has consistent data.
    pub(super) fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The change from the word `from` to the state `to`.
    pub(super) fn change(&self, from: PackedState, to: State, at: u64) -> Transition {
        Transition::new(&self.name, (state(from), to), from.failures(), at)
    }

    /// Wakes the sharing task and publishes the change. The caller must hold no lock.
    pub(super) fn publish(&self, change: Option<Transition>) {
        if let Some(change) = change {
            if let Some(observer) = &self.observer {
                observer.notify_one();
            }
            change.publish(&self.logs, self.on_transition);
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        loop {
            let word = self.word();
            let (open, closed) = (word.phase() == Phase::Open, word.is_closed());
            let successes = self.successes.load(Ordering::Acquire);
            let (opened_at, next_attempt) =
                (self.opened_at.load(Ordering::Acquire), self.next_attempt.load(Ordering::Acquire));
            // Otherwise, the values read belong to two different moments, because another thread changed the
            // word meanwhile.
            if word == self.word() {
                return Snapshot {
                    state: state(word),
                    failures: word.failures(),
                    successes: if word.phase() == Phase::HalfOpen { successes } else { 0 },
                    opened_at: system_time(opened_at).filter(|_| !closed),
                    next_attempt: system_time(next_attempt).filter(|_| open),
                };
            }
        }
    }
}

const fn state(word: PackedState) -> State {
    match word.phase() {
        Phase::Closed => State::Closed,
        Phase::Open | Phase::Forced => State::Open,
        Phase::HalfOpen => State::HalfOpen,
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit")
            .field("name", &self.name)
            .field("word", &self.word())
            .finish_non_exhaustive()
    }
}
