//! One record that nobody else changes: by a lock of the store, or by a mark in the record itself.

use super::client::Client;
use super::patience::Patience;
use super::record::{Hold, Record};
use super::transaction::A_WHILE;
use super::{Store, name};
use crate::log_limit::LogLimit;
use crate::random;
use crate::{BackendError, ErrorKind};

/// One record that nobody else changes.
pub(super) struct Holding {
    pub(super) name: String,
    pub(super) record: Record,
    /// What is stored while it is marked; empty if it is locked.
    pub(super) mark: String,
    token: u64,
}

impl<S: Store> Client<S> {
    /// Locks a record, as soon as nobody else does.
    pub(super) async fn lock(
        &self,
        name: &str,
        is_wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Holding, BackendError> {
        let lock = name::lock(name);
        while is_wanted() {
            let token = self.store.get_lock(&lock, self.lock_ttl, A_WHILE);
            if let Some(token) = self.call(token).await? {
                let (record, mark) = (Record::default(), String::new());
                return Ok(Holding { name: name.to_owned(), record, mark, token });
            }
        }
        Err(unwanted())
    }

    /// Marks a record, as soon as nobody else does. The mark is part of what is compared, so nobody who heeds
    /// it changes the record, and whoever does not is noticed.
    pub(super) async fn mark(
        &self,
        name: &str,
        is_wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Holding, BackendError> {
        let (token, mut patience) = (random::number(), Patience::new());
        while is_wanted() {
            let found = self.call(self.store.get(name)).await?;
            let (record, hold) = Record::read(found.as_deref()).split();
            let now = self.clock.now();
            if !hold.is_some_and(|hold| hold.is_live(now)) {
                let lasts = u64::try_from(self.lock_ttl.as_micros()).unwrap_or(u64::MAX);
                let hold = Hold { token, until: now.saturating_add(lasts) };
                let marked = Record { hold: Some(hold), ..record.clone() };
                let (mark, ttl) = (marked.encode(), marked.ttl(now));
                let stored = self.store.compare_and_set(name, found.as_deref(), &mark, Some(ttl));
                if self.call(stored).await? {
                    return Ok(Holding { name: name.to_owned(), record, mark, token });
                }
            }
            patience.wait(A_WHILE).await;
        }
        Err(unwanted())
    }

    /// Leaves the record to others. An error leaves it to them when the lock ends.
    pub(super) async fn free(&self, Holding { name, record, mark, token }: Holding) {
        let freed = if mark.is_empty() {
            self.call(self.store.unlock(&name::lock(&name), token)).await
        } else {
            self.swap_record(&name, &mark, &record, self.clock.now()).await
        };
        if let Ok(false) = freed {
            static ENDED: LogLimit = LogLimit::new();
            if let Some(omitted) = ENDED.admit_now() {
                let omitted = omitted.field();
                tracing::warn!(target: "throttle", omitted, "a lock ended before the decision under it did");
            }
        }
    }

    /// Stores a record if that text is what is there.
    pub(super) async fn swap_record(
        &self,
        name: &str,
        expected: &str,
        record: &Record,
        now: u64,
    ) -> Result<bool, BackendError> {
        let (value, ttl) = (record.encode(), record.ttl(now));
        self.call(self.store.compare_and_set(name, Some(expected), &value, Some(ttl))).await
    }
}

/// Nobody sees this: the decision was dropped.
fn unwanted() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "the decision was dropped")
}
