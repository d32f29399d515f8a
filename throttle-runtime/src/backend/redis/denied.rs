//! What is known to be denied: for a while Redis is not asked again.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::question::{Question, States};
use crate::backend::Verdict;
use crate::fingerprint::Map;

/// The states by which Redis has denied requests.
///
/// Whatever this process charges, refunds or resets ends what is remembered of that identity. What other processes charge
/// meanwhile only adds to the states, so that a request that does not fit still does not fit, though it may have to wait
/// longer. What they refund or reset is not known here, so that Redis is called again after a second.
pub(super) struct Denied {
    shards: [Shard; SHARDS],
    /// How often this process has changed states, by a hash of the identity.
    changes: Box<[AtomicU32]>,
    /// When somebody was denied last, in microseconds after `start`; 0 if nobody is known any more.
    last: AtomicU64,
    start: Instant,
}

#[derive(Default)]
struct Shard {
    entries: Mutex<Map<Entry>>,
}

struct Entry {
    payers: SmallVec<[u128; 2]>,
    states: States,
    /// The server's time of the denial.
    at: u64,
    /// How often this process had changed them before Redis was called.
    changes: u32,
    /// When Redis was called and when it had answered, by the clock of this process: the server read its time in between.
    asked: Instant,
    answered: Instant,
}

/// When Redis was called, and how many [changes](Denied::changes) there had been before.
pub(super) type Asked = (Instant, u32);

/// For how long a denial is believed.
const KEPT: Duration = Duration::from_secs(1);

const SHARDS: usize = 16;

/// How many counters of changes there are: identities that share one end each other's entries.
const COUNTERS: usize = 4_096;

/// How many denials a shard keeps.
const ROOM: usize = 4_096;

/// How many are looked at for one that makes room.
const CANDIDATES: usize = 8;

impl Denied {
    pub(super) fn new() -> Self {
        let shards = std::array::from_fn(|_| Shard::default());
        let changes = (0..COUNTERS).map(|_| AtomicU32::new(0)).collect();
        Self { shards, changes, last: AtomicU64::new(0), start: Instant::now() }
    }

    /// Whether nobody is known to be denied, which takes no lock to see.
    pub(super) fn is_empty(&self) -> bool {
        let last = self.last.load(Relaxed);
        if last == 0 {
            return true;
        }
        let is_over = self.start.elapsed().saturating_sub(Duration::from_micros(last)) >= KEPT;
        if is_over {
            // Somebody else may be denied in between.
            let _ = self.last.compare_exchange(last, 0, Relaxed, Relaxed);
        }
        is_over
    }

    /// How often this process has changed states of these payers, or of others: read it before Redis is called.
    pub(super) fn changes(&self, payers: &[u128]) -> u32 {
        payers.iter().map(|payer| self.counter(*payer).load(Acquire)).fold(0, u32::wrapping_add)
    }

    /// This process has changed states of these payers, or may have: what is remembered of them is over.
    pub(super) fn changed(&self, payers: &[u128]) {
        for payer in payers {
            self.counter(*payer).fetch_add(1, AcqRel);
        }
    }

    /// The answer to a request that is known to be denied. The time is that of `clock`, or else the latest that it
    /// can be at the server.
    pub(super) fn recall(&self, question: &Question<'_>, clock: Option<u64>) -> Option<Verdict> {
        let &id = question.payers.first()?;
        let mut entries = self.shard(id).lock();
        let entry = entries.get(&id)?;
        let age = entry.asked.elapsed();
        let is_old = entry.changes != self.changes(&entry.payers);
        if age >= KEPT || is_old || entry.payers != question.payers {
            entries.remove(&id);
            return None;
        }
        let time = |passed: Duration| {
            let passed = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
            clock.unwrap_or_else(|| entry.at.saturating_add(passed))
        };
        // What does not fit at the latest time is denied. Its wait is that from the earliest time, so that it is never too
        // short.
        let (latest, earliest) = (time(age), time(entry.answered.elapsed()));
        let (quotas, None) = question.answer(&entry.states, latest) else { return None };
        match question.answer(&entry.states, earliest) {
            (quotas, None) => Some(Verdict::new(quotas, earliest).cached()),
            _ => Some(Verdict::new(quotas, latest).cached()),
        }
    }

    /// Remembers that Redis has denied a request by these states.
    pub(super) fn remember(&self, question: &Question<'_>, states: States, at: u64, (asked, changes): Asked) {
        let Some(&id) = question.payers.first() else { return };
        if changes != self.changes(&question.payers) {
            return;
        }
        let mut entries = self.shard(id).lock();
        if entries.len() >= ROOM && !entries.contains_key(&id) {
            let oldest = entries.iter().take(CANDIDATES).min_by_key(|(_, entry)| entry.asked);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                entries.remove(&oldest);
            }
        }
        let (payers, answered) = (question.payers.clone(), Instant::now());
        entries.insert(id, Entry { payers, states, at, changes, asked, answered });
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.fetch_max(now.max(1), Relaxed);
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for counter in &self.changes {
            counter.fetch_add(1, AcqRel);
        }
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    fn counter(&self, id: u128) -> &AtomicU32 {
        // Not the bits that the shard is chosen by.
        &self.changes[usize::try_from((id >> 64) % COUNTERS as u128).unwrap_or_default()]
    }

    fn shard(&self, id: u128) -> &Shard {
        &self.shards[usize::try_from(id % SHARDS as u128).unwrap_or_default()]
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Map<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Denied, Instant, Question, States};
    use crate::backend::{Charge, Mode};
    use crate::strategy::{Arrival, FixedWindow, Strategy};
    use crate::{Key, Rate};

    const NOW: u64 = 1_000_000_000;

    fn used_up(rate: Rate) -> States {
        let arrival = Arrival::new(rate, 1, NOW);
        States::from_iter([FixedWindow.step(&crate::strategy::State::EMPTY, &arrival).state])
    }

    #[test]
    fn a_denial_is_known_until_something_is_given_back() {
        let (denied, rate, key) = (Denied::new(), [Rate::per_hour(1)], Key::from("a"));
        let charges = [Charge::new("t", &key, &FixedWindow, &rate, 1)];
        let question = Question::new(&charges, Mode::Take);
        assert!(denied.is_empty());
        let asked = (Instant::now(), denied.changes(&question.payers));
        denied.remember(&question, used_up(rate[0]), NOW, asked);
        assert!(!denied.is_empty() && denied.recall(&question, Some(NOW)).is_some());
        denied.changed(&question.payers);
        assert!(denied.recall(&question, Some(NOW)).is_none());
    }

    #[test]
    fn a_denial_from_before_something_was_given_back_is_not_remembered() {
        let (denied, rate, key) = (Denied::new(), [Rate::per_hour(1)], Key::from("a"));
        let charges = [Charge::new("t", &key, &FixedWindow, &rate, 1)];
        let question = Question::new(&charges, Mode::Take);
        let give_back: [fn(&Denied, &Question<'_>); 2] =
            [|denied, question| denied.changed(&question.payers), |denied, _| denied.clear()];
        for give_back in give_back {
            let asked = (Instant::now(), denied.changes(&question.payers));
            give_back(&denied, &question);
            denied.remember(&question, used_up(rate[0]), NOW, asked);
            assert!(denied.recall(&question, Some(NOW)).is_none(), "it may fit by now");
        }
    }
}
