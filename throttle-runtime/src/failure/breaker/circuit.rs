//! What requests share of a breaker: one word that all of them read, and what changes it.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::change::ChangeLogs;
use super::rules::Rules;
use super::word::{Phase, Word};
use super::{Change, CircuitBreaker, Info, State, time};
use crate::Clock;

/// The phase changes under the lock only; failures of a closed breaker are counted without it. The times and the
/// successes are written before the phase that they belong to, so who reads them after it finds them there.
pub(super) struct Circuit {
    pub(super) rules: Rules,
    on_change: Option<fn(&Change)>,
    name: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    word: AtomicU64,
    pub(super) opened_at: AtomicU64,
    pub(super) next_attempt: AtomicU64,
    pub(super) successes: AtomicU32,
    pub(super) turn: Mutex<Turn>,
    /// Who tells other instances.
    told: Option<Arc<Notify>>,
    logs: ChangeLogs,
}

/// What only those know who change the phase.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Whether the one place for a probe is taken, while half-open.
    pub(super) probing: bool,
    /// How long the last opening was to be, before jitter, in microseconds.
    pub(super) wait: u64,
}

impl Circuit {
    pub(super) fn new(
        settings: CircuitBreaker,
        name: Arc<str>,
        clock: Arc<dyn Clock>,
        told: Option<Arc<Notify>>,
    ) -> Self {
        Self {
            rules: settings.rules,
            on_change: settings.on_change,
            name,
            clock,
            word: AtomicU64::new(Word::NEW.bits()),
            opened_at: AtomicU64::new(0),
            next_attempt: AtomicU64::new(0),
            successes: AtomicU32::new(0),
            turn: Mutex::default(),
            told,
            logs: ChangeLogs::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Acquire))
    }

    /// Writes the word that follows `found`, or says what is there instead.
    pub(super) fn replace(&self, found: Word, next: Word) -> Result<(), Word> {
        self.word
            .compare_exchange(found.bits(), next.bits(), Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Word::from_bits)
    }

    /// Writes a word of the next phase. Who counts a failure at that moment finds another generation.
    pub(super) fn advance(&self, _: &mut Turn, next: Word) {
        self.word.store(next.bits(), Ordering::Release);
    }

    /// Nothing under the lock can panic, so it is never left in between.
    pub(super) fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That a breaker that said `from` is in another state now.
    pub(super) fn change(&self, from: Word, to: State, at: u64) -> Change {
        Change::new(&self.name, (state(from), to), from.failures(), at)
    }

    /// With no lock held.
    pub(super) fn publish(&self, change: Option<Change>) {
        if let Some(change) = change {
            if let Some(told) = &self.told {
                told.notify_one();
            }
            change.publish(&self.logs, self.on_change);
        }
    }

    pub(super) fn info(&self) -> Info {
        loop {
            let word = self.word();
            let (open, closed) = (word.phase() == Phase::Open, word.is_closed());
            let successes = self.successes.load(Ordering::Acquire);
            let (opened_at, next_attempt) =
                (self.opened_at.load(Ordering::Acquire), self.next_attempt.load(Ordering::Acquire));
            // Or else what was read is of two moments; somebody else got on meanwhile.
            if word == self.word() {
                return Info {
                    state: state(word),
                    failures: word.failures(),
                    successes: if word.phase() == Phase::HalfOpen { successes } else { 0 },
                    opened_at: time(opened_at).filter(|_| !closed),
                    next_attempt: time(next_attempt).filter(|_| open),
                };
            }
        }
    }
}

const fn state(word: Word) -> State {
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
