//! In this process: exact, and without anything to set up.

mod fingerprint;
mod table;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;

use self::fingerprint::Secret;
use self::table::Table;
use super::{Backend, Charge, Mode, Reply, Verdict};
use crate::clock::{Clock, SystemClock};
use crate::strategy::{Arrival, State};
use crate::{Quotas, Soon};

/// State in this process: exact, without anything to set up, and gone when the process ends.
///
/// - An identity is kept as a 128-bit fingerprint under a secret of this process, never as text.
/// - Expired entries are reclaimed as part of normal work; there is no background task.
/// - At most [`max_keys`](MemoryBuilder::max_keys) identities are kept. When a new one finds its part of the
///   table full of live ones, of some sixteen the one that would have expired first makes room; such evictions
///   are [counted](Memory::evictions).
///
/// ```
/// use throttle::{ManualClock, backend::Memory};
///
/// let memory = Memory::builder().max_keys(10_000).clock(ManualClock::new()).build();
/// assert_eq!(memory.len(), 0);
/// ```
pub struct Memory {
    secret: Secret,
    shards: Box<[Mutex<Table>]>,
    clock: Arc<dyn Clock>,
    evictions: AtomicU64,
}

/// Settings of a [`Memory`] backend.
#[derive(Debug)]
pub struct MemoryBuilder {
    max_keys: usize,
    clock: Option<Arc<dyn Clock>>,
}

/// A power of two, so that a shard is picked by bits.
const SHARDS: usize = 64;

impl Memory {
    /// A backend with the default settings: at most a million identities, on the system's clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A backend with other settings.
    pub fn builder() -> MemoryBuilder {
        MemoryBuilder { max_keys: 1_000_000, clock: None }
    }

    /// How many identities have state, counting those that have expired and are not reclaimed yet.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether no identity has state.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many live identities had to make room for new ones.
    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    const fn shard_of(fingerprint: u128) -> usize {
        (fingerprint as usize) & (SHARDS - 1)
    }

    fn identify(&self, charges: &[Charge<'_>]) -> SmallVec<[u128; 4]> {
        charges.iter().map(|charge| self.secret.fingerprint(charge)).collect()
    }

    /// Locks every shard that the fingerprints live in, in one order for everybody.
    fn lock_all(&self, fingerprints: &[u128]) -> Locked<'_> {
        let mut shards: SmallVec<[usize; 4]> = fingerprints.iter().copied().map(Self::shard_of).collect();
        shards.sort_unstable();
        shards.dedup();
        shards.into_iter().map(|index| (index, lock(&self.shards[index]))).collect()
    }

    fn decide_now(&self, charges: &[Charge<'_>], mode: Mode) -> Verdict {
        let fingerprints = self.identify(charges);
        let mut locked = self.lock_all(&fingerprints);
        let now = self.clock.now();
        let mut quotas = Quotas::new();
        let mut changes: SmallVec<[Change; 2]> = SmallVec::new();
        for (charge, &fingerprint) in charges.iter().zip(&fingerprints) {
            let stored =
                pending(&changes, fingerprint).or_else(|| table(&mut locked, fingerprint).get(fingerprint));
            let change = step_all(charge, fingerprint, stored, charge.cost, now, &mut quotas);
            changes.push(change);
        }
        if quotas.iter().any(|quota| !quota.fits()) {
            uncharge(&mut quotas, charges, &fingerprints, &mut locked, now);
        } else if mode == Mode::Take {
            for Change { fingerprint, states, expires } in changes {
                let evicted = table(&mut locked, fingerprint).insert(fingerprint, states, expires, now);
                self.evictions.fetch_add(u64::from(evicted), Ordering::Relaxed);
            }
        }
        Verdict { quotas, at: now }
    }

    fn refund_now(&self, charges: &[Charge<'_>], at: u64) {
        let fingerprints = self.identify(charges);
        let mut locked = self.lock_all(&fingerprints);
        let now = self.clock.now();
        for (charge, &fingerprint) in charges.iter().zip(&fingerprints) {
            if let Some(states) = table(&mut locked, fingerprint).get_mut(fingerprint) {
                let limits = states.iter_mut().zip(charge.rates.iter());
                for (state, &rate) in limits.filter(|(_, rate)| !rate.is_unlimited()) {
                    let arrival = Arrival::new(rate, charge.cost, now);
                    *state = charge.strategy.refund(state, &arrival, now.saturating_sub(at));
                }
            }
        }
    }
}

type Locked<'a> = SmallVec<[(usize, MutexGuard<'a, Table>); 4]>;

/// What a charge makes of its identity, if all charges are admitted.
struct Change {
    fingerprint: u128,
    states: SmallVec<[State; 4]>,
    expires: u64,
}

/// A second charge of the same identity builds on what the first one leaves.
fn pending(changes: &[Change], fingerprint: u128) -> Option<&[State]> {
    changes.iter().rev().find(|change| change.fingerprint == fingerprint).map(|change| &*change.states)
}

fn step_all(
    charge: &Charge<'_>,
    fingerprint: u128,
    stored: Option<&[State]>,
    cost: u64,
    now: u64,
    quotas: &mut Quotas,
) -> Change {
    let mut change = Change { fingerprint, states: SmallVec::new(), expires: now };
    let mut stored = stored.into_iter().flatten();
    for &rate in charge.rates.iter() {
        let state = stored.next().cloned().unwrap_or_default();
        if rate.is_unlimited() {
            quotas.push(crate::Quota::allowed(rate, u64::MAX));
            change.states.push(state);
        } else {
            let step = charge.strategy.step(&state, &Arrival::new(rate, cost, now));
            quotas.push(step.quota);
            change.expires = change.expires.max(step.state.until());
            change.states.push(step.state);
        }
    }
    change
}

/// A denied request took nothing, so the limits that it did fit show what is left without it.
fn uncharge(
    quotas: &mut Quotas,
    charges: &[Charge<'_>],
    fingerprints: &[u128],
    locked: &mut Locked<'_>,
    now: u64,
) {
    let mut uncharged = Quotas::new();
    for (charge, &fingerprint) in charges.iter().zip(fingerprints) {
        step_all(charge, fingerprint, table(locked, fingerprint).get(fingerprint), 0, now, &mut uncharged);
    }
    for (quota, uncharged) in quotas.iter_mut().zip(uncharged) {
        if quota.fits() {
            *quota = uncharged;
        }
    }
}

fn table<'t>(locked: &'t mut Locked<'_>, fingerprint: u128) -> &'t mut Table {
    let shard = Memory::shard_of(fingerprint);
    let position = locked.iter().position(|(index, _)| *index == shard);
    // `lock_all` locked the shard of every fingerprint; the fallback is never taken.
    &mut locked[position.unwrap_or_default()].1
}

/// A panic of a user's strategy leaves the table as it was before, so a poisoned lock is still good.
fn lock(shard: &Mutex<Table>) -> MutexGuard<'_, Table> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryBuilder {
    /// The most identities that are kept, rounded up to a multiple of 64; at least 64.
    #[must_use]
    pub const fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Another source of time, such as a [`ManualClock`](crate::ManualClock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The backend.
    pub fn build(self) -> Memory {
        let per_shard = self.max_keys.div_ceil(SHARDS).max(1);
        Memory {
            secret: Secret::random(),
            shards: (0..SHARDS).map(|_| Mutex::new(Table::new(per_shard))).collect(),
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            evictions: AtomicU64::new(0),
        }
    }
}

impl Backend for Memory {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        Soon::now(Ok(self.decide_now(charges, mode)))
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.refund_now(charges, at);
        Soon::now(Ok(()))
    }

    fn reset(&self) -> Reply<'_, ()> {
        for shard in &self.shards {
            lock(shard).clear();
        }
        Soon::now(Ok(()))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("len", &self.len()).field("clock", &self.clock).finish_non_exhaustive()
    }
}
