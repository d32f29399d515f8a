//! What is known to be denied: for a while Redis is not asked again.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::question::{Question, States};
use crate::backend::Verdict;
use crate::fingerprint::Map;

/// The states by which Redis has denied requests.
///
/// What others take meanwhile only adds to them, so what does not fit by them does not fit. What others give back
/// or reset is not known here, so that Redis is asked again after a second.
pub(super) struct Denied {
    shards: [Shard; SHARDS],
    /// When somebody was denied last, in microseconds after `start`; 0 if nobody is known any more.
    last: AtomicU64,
    start: Instant,
}

#[derive(Default)]
struct Shard {
    entries: Mutex<Map<Entry>>,
    /// How often something was given back.
    given_back: AtomicU64,
}

struct Entry {
    payers: SmallVec<[u128; 2]>,
    states: States,
    /// The server's time of the denial.
    at: u64,
    /// How often something had been given back by then.
    given_back: u64,
    /// When it was asked for, by the clock of this process: the server read its time later.
    asked: Instant,
}

/// When Redis was asked, and what had been [given back](Denied::given_back) before.
pub(super) type Asked = (Instant, u64);

/// For how long a denial is believed.
const KEPT: Duration = Duration::from_secs(1);

const SHARDS: usize = 16;

/// How many denials a shard keeps.
const ROOM: usize = 4_096;

/// How many are looked at for one that makes room.
const CANDIDATES: usize = 8;

impl Denied {
    pub(super) fn new() -> Self {
        let shards = std::array::from_fn(|_| Shard::default());
        Self { shards, last: AtomicU64::new(0), start: Instant::now() }
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

    /// How often something was given back to these or to some others: to be asked for before Redis is.
    pub(super) fn given_back(&self, payers: &[u128]) -> u64 {
        payers.iter().map(|payer| self.shard(*payer).given_back.load(Relaxed)).fold(0, u64::wrapping_add)
    }

    /// The answer to a request that is known to be denied. The time is that of `clock`, or else the latest that it
    /// can be at the server.
    pub(super) fn recall(&self, question: &Question<'_>, clock: Option<u64>) -> Option<Verdict> {
        let &id = question.payers.first()?;
        let mut entries = self.shard(id).lock();
        let entry = entries.get(&id)?;
        let age = entry.asked.elapsed();
        // Of several payers any may have got something back; an entry is found by the first only.
        let is_old = entry.payers.len() > 1 && entry.given_back != self.given_back(&entry.payers);
        if age >= KEPT || is_old || entry.payers != question.payers {
            entries.remove(&id);
            return None;
        }
        let passed = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        let now = clock.unwrap_or_else(|| entry.at.saturating_add(passed));
        match question.answer(&entry.states, now) {
            (quotas, None) => Some(Verdict::new(quotas, now).cached()),
            _ => None,
        }
    }

    /// Remembers that Redis has denied a request by these states, unless something was given back since it was asked.
    pub(super) fn remember(
        &self,
        question: &Question<'_>,
        states: States,
        at: u64,
        (asked, given_back): Asked,
    ) {
        let Some(&id) = question.payers.first() else { return };
        let mut entries = self.shard(id).lock();
        // Under the lock, so that who gives back now finds the entry.
        if given_back != self.given_back(&question.payers) {
            return;
        }
        if entries.len() >= ROOM && !entries.contains_key(&id) {
            let oldest = entries.iter().take(CANDIDATES).min_by_key(|(_, entry)| entry.asked);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                entries.remove(&oldest);
            }
        }
        entries.insert(id, Entry { payers: question.payers.clone(), states, at, given_back, asked });
        let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.fetch_max(now.max(1), Relaxed);
    }

    /// Something was given back to these: who was denied by what they had used may now fit.
    pub(super) fn forget(&self, payers: &[u128]) {
        for &payer in payers {
            let shard = self.shard(payer);
            shard.given_back.fetch_add(1, Relaxed);
            shard.lock().remove(&payer);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            shard.given_back.fetch_add(1, Relaxed);
            shard.lock().clear();
        }
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
        let asked = (Instant::now(), denied.given_back(&question.payers));
        denied.remember(&question, used_up(rate[0]), NOW, asked);
        assert!(!denied.is_empty() && denied.recall(&question, Some(NOW)).is_some());
        denied.forget(&question.payers);
        assert!(denied.recall(&question, Some(NOW)).is_none());
    }

    #[test]
    fn a_denial_from_before_something_was_given_back_is_not_remembered() {
        let (denied, rate, key) = (Denied::new(), [Rate::per_hour(1)], Key::from("a"));
        let charges = [Charge::new("t", &key, &FixedWindow, &rate, 1)];
        let question = Question::new(&charges, Mode::Take);
        let give_back: [fn(&Denied, &Question<'_>); 2] =
            [|denied, question| denied.forget(&question.payers), |denied, _| denied.clear()];
        for give_back in give_back {
            let asked = (Instant::now(), denied.given_back(&question.payers));
            give_back(&denied, &question);
            denied.remember(&question, used_up(rate[0]), NOW, asked);
            assert!(denied.recall(&question, Some(NOW)).is_none(), "it may fit by now");
        }
    }
}
