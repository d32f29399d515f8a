//! A record that is held against changes: by a lock of the store, by a mark in the record, or by the gate of
//! a counter.

use super::backoff::Patience;
use super::client::Client;
use super::record::{Hold, Record};
use super::slot::Slot;
use super::transaction::A_WHILE;
use super::{Store, keys};
use crate::util::log_limit::LogLimit;
use crate::util::random;
use crate::{BackendError, ErrorKind};

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
            let token = self.store.get_lock(&lock, self.lock_ttl, A_WHILE);
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
                let lasts = u64::try_from(self.lock_ttl.as_micros()).unwrap_or(u64::MAX);
                let hold = Hold { token, until: now.saturating_add(lasts) };
                let marked = Record { hold: Some(hold), ..record.clone() };
                let (mark, ttl) = (slot.write(&marked), slot.ttl(&marked, now));
                let stored = self.store.compare_and_set(&slot.key, found.as_deref(), &mark, Some(ttl));
                if self.call(stored).await? {
                    return Ok(Holding { record, mark, ..Holding::locked(slot.clone(), token) });
                }
            }
            patience.wait(A_WHILE).await;
        }
        Err(unwanted())
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
                tracing::warn!(target: "throttle", omitted, "a lock ended before the decision under it did");
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
