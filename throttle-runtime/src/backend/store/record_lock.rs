//! A record that is held against changes: by a lock of the store, by a mark in the record, or by the gate of
//! a counter.

use super::backoff::{MAX_WAIT, Patience};
use super::client::Client;
use super::increment::Increment;
use super::record::{Hold, Record};
use super::slot::Slot;
use super::{Store, counter, keys};
use crate::error::{BackendError, ErrorKind};
use crate::util::duration::micros;
use crate::util::log_limit::LogLimit;
use crate::util::random;

/// A record that is held.
pub(super) struct Holding {
    pub(super) slot: Slot,
    pub(super) record: Record,
    /// The stored text while the record is marked. Empty if the record is locked.
    pub(super) mark: String,
    /// The gate that stops others from adding to a counter, or 0 if the counter is open; and the number
    /// before the gate.
    pub(super) gate: i64,
    pub(super) before: i64,
    token: u64,
}

impl Holding {
    pub(super) fn locked(slot: Slot, token: u64) -> Self {
        Self { slot, record: Record::default(), mark: String::new(), gate: 0, before: 0, token }
    }
}

impl<S: Store> Client<S> {
    /// Locks a record as soon as its lock is free.
    pub(super) async fn lock(
        &self,
        slot: &Slot,
        is_wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Holding, BackendError> {
        let lock = keys::lock(&slot.name);
        while is_wanted() {
            let token = self.store.get_lock(&lock, self.lock_ttl, MAX_WAIT);
            if let Some(token) = self.call(token).await? {
                return Ok(Holding::locked(slot.clone(), token));
            }
        }
        Err(unwanted())
    }

    /// Marks a record as soon as it has no mark. The mark is part of the compared text. A decision that
    /// respects marks does not change the record, and a change by any other writer is detected.
    pub(super) async fn mark(
        &self,
        slot: &Slot,
        is_wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Holding, BackendError> {
        let (token, mut patience) = (random::number(), Patience::new());
        while is_wanted() {
            let found = self.call(self.store.get(&slot.key)).await?;
            let now = self.clock.now();
            let (record, hold) = slot.read(found.as_deref(), now);
            if !hold.is_some_and(|hold| hold.is_live(now)) {
                let lasts = micros(self.lock_ttl);
                let hold = Hold { token, until: now.saturating_add(lasts) };
                let marked = Record { hold: Some(hold), ..record.clone() };
                let (mark, ttl) = (slot.write(&marked), slot.ttl(&marked, now));
                let stored = self.store.compare_and_set(&slot.key, found.as_deref(), &mark, Some(ttl));
                if self.call(stored).await? {
                    return Ok(Holding { record, mark, ..Holding::locked(slot.clone(), token) });
                }
            }
            patience.wait(MAX_WAIT).await;
        }
        Err(unwanted())
    }

    /// Adds to a counter without a limit.
    async fn add(&self, slot: &Slot, by: i64) -> Result<i64, BackendError> {
        let ttl = slot.ttl(&slot.counted(0), self.clock.now());
        match self.call(self.store.increment_within(&slot.key, by, i64::MAX, ttl)).await? {
            Increment::Added(sum) => Ok(sum),
            Increment::Exceeded(_) => Err(contradiction()),
        }
    }

    /// Closes a counter whose lock is held: until it is opened, no other decision can add to it.
    pub(super) async fn close_counter(&self, holding: &mut Holding) -> Result<(), BackendError> {
        let lasts = micros(self.lock_ttl);
        let gate = counter::gate(self.clock.now().saturating_add(lasts));
        let mut before = self.add(&holding.slot, gate).await?.saturating_sub(gate);
        // This is the gate of a holder that has died: its lock has expired.
        let dead = counter::gate_of(before);
        if dead > 0 {
            before = self.add(&holding.slot, -dead).await?.saturating_sub(gate);
        }
        (holding.gate, holding.before) = (gate, before);
        holding.record = holding.slot.counted(before);
        Ok(())
    }

    /// Opens a counter, and sets it to the units of the record. It makes one attempt only: a gate that stays
    /// expires by itself, but a gate that is removed twice would not be noticed.
    pub(super) async fn open_counter(&self, holding: &mut Holding) -> Result<(), BackendError> {
        let gate = std::mem::take(&mut holding.gate);
        let changed = holding.slot.units(&holding.record).saturating_sub(holding.before);
        self.add(&holding.slot, changed - gate).await.map(drop)
    }

    /// Releases the record. If this fails, the record is released when the lock expires.
    pub(super) async fn free(&self, mut holding: Holding) {
        if holding.gate != 0 && self.open_counter(&mut holding).await.is_err() {
            // The gate expires at the same time as the lock.
            return;
        }
        let Holding { slot, record, mark, token, .. } = holding;
        let freed = if mark.is_empty() {
            self.call(self.store.unlock(&keys::lock(&slot.name), token)).await
        } else {
            self.swap_record(&slot, &mark, &record, self.clock.now()).await
        };
        if let Ok(false) = freed {
            static ENDED: LogLimit = LogLimit::new();
            if let Some(omitted) = ENDED.admit_now() {
                let omitted = omitted.field();
                tracing::warn!(target: "throttle", omitted, "a lock expired before its decision ended");
            }
        }
    }

    /// Stores a record if the stored text is `expected`.
    pub(super) async fn swap_record(
        &self,
        slot: &Slot,
        expected: &str,
        record: &Record,
        now: u64,
    ) -> Result<bool, BackendError> {
        let (value, ttl) = (slot.write(record), slot.ttl(record, now));
        self.call(self.store.compare_and_set(&slot.key, Some(expected), &value, Some(ttl))).await
    }
}

/// Returns the error of a decision that was dropped. No caller receives it.
fn unwanted() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "the decision was dropped")
}

/// Returns the error for a store whose replies contradict each other.
pub(super) fn contradiction() -> BackendError {
    BackendError::new(ErrorKind::Store, "the store did not increment a counter without a limit")
}
