//! What is known to be denied: for a while Redis is not asked again.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
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
    shards: Vec<Mutex<Map<Entry>>>,
    /// How many are known.
    known: AtomicUsize,
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

/// For how long a denial is believed.
const KEPT: Duration = Duration::from_secs(1);

const SHARDS: usize = 16;

/// How many denials a shard keeps.
const ROOM: usize = 4_096;

/// How many are looked at for one that makes room.
const CANDIDATES: usize = 8;

impl Denied {
    pub(super) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, known: AtomicUsize::new(0), given_back: AtomicU64::new(0) }
    }

    /// Whether nobody is known to be denied, which takes no lock to see.
    pub(super) fn is_empty(&self) -> bool {
        self.known.load(Relaxed) == 0
    }

    /// The answer to a request that is known to be denied. The time is that of `clock`, or else the latest that it
    /// can be at the server.
    pub(super) fn recall(&self, question: &Question<'_>, clock: Option<u64>) -> Option<Verdict> {
        let &id = question.payers.first()?;
        let mut shard = self.shard(id)?;
        let entry = shard.get(&id)?;
        let age = entry.asked.elapsed();
        // Of several payers any may have got something back; an entry is found by the first only.
        let is_old = entry.payers.len() > 1 && entry.given_back != self.given_back.load(Relaxed);
        if age >= KEPT || is_old || entry.payers != question.payers {
            self.remove(&mut shard, id);
            return None;
        }
        let passed = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
        let now = clock.unwrap_or_else(|| entry.at.saturating_add(passed));
        match question.answer(&entry.states, now) {
            (quotas, None) => Some(Verdict::new(quotas, now).cached()),
            _ => None,
        }
    }

    pub(super) fn remember(&self, question: &Question<'_>, states: States, at: u64, asked: Instant) {
        let Some((&id, mut shard)) = question.payers.first().and_then(|id| Some((id, self.shard(*id)?)))
        else {
            return;
        };
        if shard.len() >= ROOM && !shard.contains_key(&id) {
            let oldest = shard.iter().take(CANDIDATES).min_by_key(|(_, entry)| entry.asked);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.remove(&mut shard, oldest);
            }
        }
        let given_back = self.given_back.load(Relaxed);
        let entry = Entry { payers: question.payers.clone(), states, at, given_back, asked };
        if shard.insert(id, entry).is_none() {
            self.known.fetch_add(1, Relaxed);
        }
    }

    /// Something was given back to these: who was denied by what they had used may now fit.
    pub(super) fn forget(&self, payers: &[u128]) {
        self.given_back.fetch_add(1, Relaxed);
        for &payer in payers {
            if let Some(mut shard) = self.shard(payer) {
                self.remove(&mut shard, payer);
            }
        }
    }

    fn remove(&self, shard: &mut Map<Entry>, id: u128) {
        if shard.remove(&id).is_some() {
            self.known.fetch_sub(1, Relaxed);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            self.known.fetch_sub(shard.len(), Relaxed);
            shard.clear();
        }
    }

    fn shard(&self, id: u128) -> Option<MutexGuard<'_, Map<Entry>>> {
        let at = usize::try_from(id % SHARDS as u128).ok()?;
        Some(self.shards.get(at)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
