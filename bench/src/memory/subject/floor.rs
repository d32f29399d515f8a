//! The lower bound of a keyed decision: hash the key, access one cache line, read a clock, write one word.
//!
//! It is no usable limiter: keys are identified by 64 bits for which a client can find collisions, the table
//! neither grows nor removes entries, and the clock has a resolution of a few milliseconds.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::{Decide, Subject, Task};
use crate::memory::cell::{Algorithm, Outcome};

/// A hash table with open addressing. Each slot contains a fingerprint and its state.
struct Table {
    slots: Box<[Slot]>,
    hasher: RandomState,
}

/// Four slots fill a cache line.
#[derive(Default)]
#[repr(align(16))]
struct Slot {
    /// 0 if the slot is free.
    fingerprint: AtomicU64,
    state: AtomicU64,
}

impl Table {
    fn new(clients: usize) -> Self {
        let slots = (clients * 4 / 3 + 1).next_power_of_two();
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), hasher: RandomState::default() }
    }

    #[inline]
    fn state(&self, key: &str) -> &AtomicU64 {
        let fingerprint = self.hasher.hash_one(key) | 1;
        let last = self.slots.len() - 1;
        let mut index = (fingerprint >> 1) as usize & last;
        loop {
            let slot = &self.slots[index];
            let found = slot.fingerprint.load(Ordering::Relaxed);
            if found == fingerprint || (found == 0 && slot.claim(fingerprint)) {
                return &slot.state;
            }
            index = (index + 1) & last;
        }
    }
}

impl Slot {
    #[cold]
    fn claim(&self, fingerprint: u64) -> bool {
        let claimed = self.fingerprint.compare_exchange(0, fingerprint, Ordering::Relaxed, Ordering::Relaxed);
        claimed.err().is_none_or(|owner| owner == fingerprint)
    }
}

/// The state is the time at which the next unit is due, in nanoseconds.
struct Gcra {
    table: Table,
    interval: u64,
    tolerance: u64,
}

impl Decide for Gcra {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        let state = self.table.state(key);
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::MonotonicCoarse);
        let now = tv_sec.cast_unsigned() * 1_000_000_000 + tv_nsec.cast_unsigned();
        let mut due = state.load(Ordering::Relaxed);
        loop {
            if due > now + self.tolerance {
                return false;
            }
            let next = due.max(now) + self.interval;
            match state.compare_exchange_weak(due, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => due = other,
            }
        }
    }
}

/// The state contains the start of the window in the upper 32 bits, and its usage in the lower 32 bits.
struct FixedWindow {
    table: Table,
    limit: u64,
    seconds: u32,
}

impl Decide for FixedWindow {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        const USED: u64 = u32::MAX as u64;
        let state = self.table.state(key);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of 136 years")]
        let seconds = clock_gettime(ClockId::RealtimeCoarse).tv_sec as u32;
        let window = u64::from(seconds / self.seconds) << 32;
        let mut last = state.load(Ordering::Relaxed);
        loop {
            let used = if last & !USED == window { last & USED } else { 0 };
            if used >= self.limit {
                return false;
            }
            let next = window | (used + 1);
            match state.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => last = other,
            }
        }
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    const SECOND: u64 = 1_000_000_000;
    let table = Table::new(task.clients);
    match (task.algorithm, task.outcome) {
        (Algorithm::Gcra, Outcome::Allowed) => {
            Box::new(Gcra { table, interval: 3_600, tolerance: 3_600 * SECOND })
        }
        (Algorithm::Gcra, Outcome::Stale) => Box::new(Gcra { table, interval: 1, tolerance: SECOND }),
        (Algorithm::Gcra, Outcome::Denied) => {
            Box::new(Gcra { table, interval: 86_400 * SECOND, tolerance: 0 })
        }
        (Algorithm::FixedWindow, Outcome::Allowed | Outcome::Stale) => {
            Box::new(FixedWindow { table, limit: 1_000_000_000, seconds: 3_600 })
        }
        (Algorithm::FixedWindow, Outcome::Denied) => {
            Box::new(FixedWindow { table, limit: 1, seconds: 86_400 })
        }
    }
}
