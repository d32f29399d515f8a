//! A cache of denials: for a short time, Redis is not called again.
//!
//! A denial is cached as the states that caused it, and not as a time. The step runs again on these states.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::request::{Request, States};
use crate::backend::Verdict;
use crate::util::duration::micros;
use crate::util::fingerprint::Map;
use crate::util::sync;

/// The states by which Redis has denied requests.
///
/// Every charge, refund or reset by this process invalidates the cached denials of the identity. Charges by
/// other processes only add usage: a request that did not fit still does not fit, though it may have to wait
/// longer. Refunds and resets by other processes are not visible here. Therefore, Redis is called again after
/// one second.
pub(super) struct DenyCache {
    shards: [Shard; SHARDS],
    /// The number of changes of states by this process, by a hash of the identity.
    change_counters: Box<[AtomicU32]>,
    /// The time of the last denial, in microseconds after `start`; 0 if no denial is cached.
    last_denial: AtomicU64,
    start: Instant,
}

#[derive(Default)]
struct Shard {
    entries: Mutex<Map<Entry>>,
}

struct Entry {
    fingerprints: SmallVec<[u128; 2]>,
    states: States,
    /// The server's time of the denial.
    at: u64,
    /// The number of changes by this process before Redis was called.
    changes: u32,
    /// When Redis was called, and when its reply arrived, by the clock of this process. The server read its
    /// time in between.
    sent_at: Instant,
    received_at: Instant,
}

/// When Redis was called, and the number of changes by this process before.
#[derive(Clone, Copy)]
pub(super) struct CallStart {
    pub(super) sent_at: Instant,
    /// See [`DenyCache::change_count`].
    pub(super) changes: u32,
}

/// The lifetime of a cached denial.
const LIFETIME: Duration = Duration::from_secs(1);

const SHARDS: usize = 16;

/// The number of counters of changes. Identities with the same counter invalidate each other's denials.
const COUNTERS: usize = 4_096;

/// The maximum number of denials in a shard.
const MAX_PER_SHARD: usize = 4_096;

/// The number of denials that are examined to find one to evict.
const CANDIDATES: usize = 8;

impl DenyCache {
    pub(super) fn new() -> Self {
        let shards = std::array::from_fn(|_| Shard::default());
        let change_counters = (0..COUNTERS).map(|_| AtomicU32::new(0)).collect();
        Self { shards, change_counters, last_denial: AtomicU64::new(0), start: Instant::now() }
    }

    /// Whether no denial is cached. It takes no lock.
    pub(super) fn is_empty(&self) -> bool {
        let last = self.last_denial.load(Relaxed);
        if last == 0 {
            return true;
        }
        let is_expired = self.start.elapsed().saturating_sub(Duration::from_micros(last)) >= LIFETIME;
        if is_expired {
            // Another request may be denied in between.
            let _ = self.last_denial.compare_exchange(last, 0, Relaxed, Relaxed);
        }
        is_expired
    }

    /// Returns the number of changes by this process of states of these identities, or of others with the same
    /// counters. Read it before Redis is called.
    pub(super) fn change_count(&self, fingerprints: &[u128]) -> u32 {
        fingerprints
            .iter()
            .map(|fingerprint| self.counter(*fingerprint).load(Acquire))
            .fold(0, u32::wrapping_add)
    }

    /// Invalidates the cached denials of these identities, because this process changed their states or may
    /// have changed them.
    pub(super) fn invalidate(&self, fingerprints: &[u128]) {
        for fingerprint in fingerprints {
            self.counter(*fingerprint).fetch_add(1, AcqRel);
        }
    }

    /// Returns the cached denial of a request. The time is that of `clock`, or else the latest possible time of
    /// the server.
    pub(super) fn lookup(&self, request: &Request<'_>, clock: Option<u64>) -> Option<Verdict> {
        let &id = request.fingerprints.first()?;
        let mut entries = self.shard(id).lock();
        let entry = entries.get(&id)?;
        let age = entry.sent_at.elapsed();
        let is_old = entry.changes != self.change_count(&entry.fingerprints);
        if age >= LIFETIME || is_old || entry.fingerprints != request.fingerprints {
            entries.remove(&id);
            return None;
        }
        let time = |elapsed: Duration| {
            let elapsed = micros(elapsed);
            clock.unwrap_or_else(|| entry.at.saturating_add(elapsed))
        };
        // A request that does not fit at the latest possible time is denied. Its wait is computed from the
        // earliest possible time, so that the wait is never too short.
        let (latest, earliest) = (time(age), time(entry.received_at.elapsed()));
        let (quotas, None) = request.evaluate(&entry.states, latest) else { return None };
        match request.evaluate(&entry.states, earliest) {
            (quotas, None) => Some(Verdict::new(quotas, earliest).cached()),
            _ => Some(Verdict::new(quotas, latest).cached()),
        }
    }

    /// Caches a denial by Redis, with the states that caused it.
    pub(super) fn store(&self, request: &Request<'_>, states: States, at: u64, call: CallStart) {
        let Some(&id) = request.fingerprints.first() else { return };
        let CallStart { sent_at, changes } = call;
        if changes != self.change_count(&request.fingerprints) {
            return;
        }
        let mut entries = self.shard(id).lock();
        if entries.len() >= MAX_PER_SHARD && !entries.contains_key(&id) {
            let oldest = entries.iter().take(CANDIDATES).min_by_key(|(_, entry)| entry.sent_at);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                entries.remove(&oldest);
            }
        }
        let (fingerprints, received_at) = (request.fingerprints.clone(), Instant::now());
        entries.insert(id, Entry { fingerprints, states, at, changes, sent_at, received_at });
        let now = micros(self.start.elapsed());
        self.last_denial.fetch_max(now.max(1), Relaxed);
    }

    /// Invalidates all cached denials.
    pub(super) fn clear(&self) {
        for counter in &self.change_counters {
            counter.fetch_add(1, AcqRel);
        }
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    fn counter(&self, id: u128) -> &AtomicU32 {
        // Uses other bits than the choice of the shard.
        &self.change_counters[usize::try_from((id >> 64) % COUNTERS as u128).unwrap_or_default()]
    }

    fn shard(&self, id: u128) -> &Shard {
        &self.shards[usize::try_from(id % SHARDS as u128).unwrap_or_default()]
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Map<Entry>> {
        sync::lock(&self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::{CallStart, DenyCache, Instant, LIFETIME, Request, States, micros};
    use crate::backend::{Charge, Mode};
    use crate::key::Key;
    use crate::rate::Rate;
    use crate::strategy::{Arrival, FixedWindow, Strategy};

    const NOW: u64 = 1_000_000_000;

    fn used_up(rate: Rate) -> States {
        let arrival = Arrival::new(rate, 1, NOW);
        States::from_iter([FixedWindow.step(&crate::strategy::State::EMPTY, &arrival).state])
    }

    #[test]
    fn a_denial_is_cached_until_something_is_refunded() {
        let (deny_cache, rate, key) = (DenyCache::new(), [Rate::per_hour(1)], Key::from("a"));
        let charges = [Charge::new("t", &key, &FixedWindow, &rate, 1)];
        let request = Request::new(&charges, Mode::Consume);
        assert!(deny_cache.is_empty());
        let changes = deny_cache.change_count(&request.fingerprints);
        let call = CallStart { sent_at: Instant::now(), changes };
        deny_cache.store(&request, used_up(rate[0]), NOW, call);
        assert!(!deny_cache.is_empty() && deny_cache.lookup(&request, Some(NOW)).is_some());
        deny_cache.invalidate(&request.fingerprints);
        assert!(deny_cache.lookup(&request, Some(NOW)).is_none());
    }

    /// The server reads its time between the call and the reply. The wait of a cached denial is that of the
    /// earliest possible time, so it is never too short.
    #[test]
    fn f31_the_wait_of_a_cached_denial_counts_from_its_reply() {
        let (deny_cache, rate, key) = (DenyCache::new(), [Rate::per_hour(1)], Key::from("a"));
        let charges = [Charge::new("t", &key, &FixedWindow, &rate, 1)];
        let request = Request::new(&charges, Mode::Consume);
        let changes = deny_cache.change_count(&request.fingerprints);
        let (begun, verdict) = loop {
            let begun = Instant::now();
            let Some(sent_at) = begun.checked_sub(LIFETIME / 2) else { continue };
            deny_cache.store(&request, used_up(rate[0]), NOW, CallStart { sent_at, changes });
            // A process that pauses here finds an expired entry.
            if let Some(verdict) = deny_cache.lookup(&request, None) {
                break (begun, verdict);
            }
        };
        assert!(verdict.at - NOW <= micros(begun.elapsed()), "{}", verdict.at - NOW);
    }

    #[test]
    fn a_denial_from_before_a_refund_is_not_cached() {
        let (deny_cache, rate, key) = (DenyCache::new(), [Rate::per_hour(1)], Key::from("a"));
        let charges = [Charge::new("t", &key, &FixedWindow, &rate, 1)];
        let request = Request::new(&charges, Mode::Consume);
        let invalidations: [fn(&DenyCache, &Request<'_>); 2] = [
            |deny_cache, request| deny_cache.invalidate(&request.fingerprints),
            |deny_cache, _| deny_cache.clear(),
        ];
        for invalidate in invalidations {
            let changes = deny_cache.change_count(&request.fingerprints);
            let call = CallStart { sent_at: Instant::now(), changes };
            invalidate(&deny_cache, &request);
            deny_cache.store(&request, used_up(rate[0]), NOW, call);
            assert!(deny_cache.lookup(&request, Some(NOW)).is_none(), "it may fit by now");
        }
    }
}
