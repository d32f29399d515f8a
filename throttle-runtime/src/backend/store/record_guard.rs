//! Exclusive access to records, until this value is dropped.
//!
//! Steps that must not be interrupted run in their own task. A decision that is dropped therefore never
//! leaves a lock whose token is lost, and never releases a lock while its write is still in progress.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Store;
use super::client::Client;
use super::keyed_mutex::Turn;
use super::record::Record;
use super::record_lock::Holding;
use super::slot::Slot;
use crate::error::{BackendError, ErrorKind};

/// Exclusive access to records, until this value is dropped.
pub(super) struct Held<S: Store> {
    client: Arc<Client<S>>,
    since: Instant,
    holdings: Vec<Holding>,
    turn: Turn,
}

/// The channel to the task that waits for the records.
type Caller<S> = oneshot::Sender<Result<Held<S>, BackendError>>;

impl<S: Store> Held<S> {
    pub(super) async fn take(
        client: &Arc<Client<S>>,
        slots: Vec<Slot>,
        turn: Turn,
    ) -> Result<Self, BackendError> {
        // Locks and marks do not charge anything.
        Self::try_take(client, slots, turn).await.map_err(BackendError::safe_to_retry)
    }

    async fn try_take(client: &Arc<Client<S>>, slots: Vec<Slot>, turn: Turn) -> Result<Self, BackendError> {
        let (caller, answer) = oneshot::channel();
        let client = Arc::clone(client);
        spawn(async move {
            let held = Self::take_all(client, slots, turn, &caller).await;
            // If the caller no longer waits, `send` returns the records, and they are released here.
            drop(caller.send(held));
        })?;
        answer.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn take_all(
        client: Arc<Client<S>>,
        slots: Vec<Slot>,
        turn: Turn,
        caller: &Caller<S>,
    ) -> Result<Self, BackendError> {
        let mut held = Self { client, since: Instant::now(), holdings: Vec::new(), turn };
        let is_wanted = || !caller.is_closed();
        for slot in &slots {
            let holding = if S::COMPARE_AND_SET {
                held.client.mark(slot, &is_wanted).await?
            } else {
                held.client.lock(slot, &is_wanted).await?
            };
            held.holdings.push(holding);
        }
        if !S::COMPARE_AND_SET {
            held.read(&slots).await?;
        }
        Ok(held)
    }

    /// Reads the locked records. Counters to which other decisions add without a lock are closed first.
    async fn read(&mut self, slots: &[Slot]) -> Result<(), BackendError> {
        let Self { client, holdings, .. } = self;
        let is_open = |slot: &Slot| S::INCREMENT_WITHIN && slot.is_counter();
        if !slots.iter().all(is_open) {
            let records = client.read(slots).await?;
            for (holding, record) in holdings.iter_mut().zip(records) {
                holding.record = record;
            }
        }
        for holding in holdings.iter_mut().filter(|holding| is_open(&holding.slot)) {
            client.close_counter(holding).await?;
        }
        Ok(())
    }

    /// Returns whether all counters belong to the window that contains `now`.
    pub(super) fn is_current(&self, now: u64) -> bool {
        self.holdings.iter().all(|holding| holding.slot.is_current(now))
    }

    /// Returns the records in the order of their names.
    pub(super) fn records(&self) -> Vec<Record> {
        self.holdings.iter().map(|holding| holding.record.clone()).collect()
    }

    /// Stores the new records, all or none.
    pub(super) async fn store(mut self, changed: Vec<Record>, now: u64) -> Result<(), BackendError> {
        let written = spawn(async move {
            let written = self.write(changed, now).await;
            if !S::COMPARE_AND_SET && written.as_ref().is_err_and(BackendError::is_timeout) {
                // The write may still arrive, so the locks are kept until they expire.
                self.holdings.clear();
            }
            self.release().await;
            written
        });
        let written = written.map_err(BackendError::safe_to_retry)?;
        written.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn write(&mut self, changed: Vec<Record>, now: u64) -> Result<(), BackendError> {
        // After half of the lock's lifetime, the lock might belong to another holder before the write
        // arrives.
        if self.since.elapsed() >= self.client.half_life() {
            return Err(lost().safe_to_retry());
        }
        if S::COMPARE_AND_SET {
            return self.swap_all(&changed, now).await;
        }
        let stored = self.set_all(&changed, now).await;
        // With several records, the store may have stored some of them before it failed.
        if changed.len() > 1 { stored.map_err(BackendError::in_doubt) } else { stored }
    }

    /// Stores the records, and then the units that are added to closed counters.
    async fn set_all(&mut self, changed: &[Record], now: u64) -> Result<(), BackendError> {
        let open = self.holdings.iter().zip(changed).filter(|(holding, _)| holding.gate == 0);
        let items =
            open.map(|(Holding { slot, .. }, record)| (slot, slot.write(record), slot.ttl(record, now)));
        let items: Vec<_> = items.collect();
        let kept = items.iter().map(|(.., ttl)| *ttl).max();
        let pairs: Vec<(&str, &str)> = items.iter().map(|(slot, value, _)| (&*slot.key, &**value)).collect();
        if !pairs.is_empty() {
            self.client.call(self.client.store.multi_set(&pairs, kept)).await?;
        }
        for (holding, record) in
            self.holdings.iter_mut().zip(changed).filter(|(holding, _)| holding.gate != 0)
        {
            holding.record = record.clone();
            self.client.open_counter(holding).await?;
        }
        Ok(())
    }

    /// Stores the records without their marks. If one mark has been replaced, restores the records that were
    /// already stored.
    async fn swap_all(&mut self, changed: &[Record], now: u64) -> Result<(), BackendError> {
        for (index, (holding, record)) in self.holdings.iter().zip(changed).enumerate() {
            let stored = self.client.swap_record(&holding.slot, &holding.mark, record, now).await;
            if !matches!(stored, Ok(true)) {
                let mut is_undone = true;
                for (holding, record) in self.holdings.iter().zip(changed).take(index) {
                    let stored = holding.slot.write(record);
                    let undone = self.client.swap_record(&holding.slot, &stored, &holding.record, now).await;
                    is_undone &= matches!(undone, Ok(true));
                }
                let error = stored.map_or_else(|error| error, |_| lost().safe_to_retry());
                return Err(if is_undone { error } else { error.in_doubt() });
            }
        }
        self.holdings.clear();
        Ok(())
    }

    async fn release(&mut self) {
        for holding in std::mem::take(&mut self.holdings) {
            self.client.free(holding).await;
        }
    }
}

impl<S: Store> Drop for Held<S> {
    fn drop(&mut self) {
        if self.holdings.is_empty() {
            return;
        }
        let client = Arc::clone(&self.client);
        let (holdings, turn) = (std::mem::take(&mut self.holdings), std::mem::take(&mut self.turn));
        // Without a runtime, the locks expire. A runtime that shuts down drops the task immediately, so
        // dropping anything in the task must not start another task.
        let _ = spawn(async move {
            for holding in holdings {
                client.free(holding).await;
            }
            drop(turn);
        });
    }
}

pub(super) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>, BackendError> {
    let handle = Handle::try_current().map_err(|error| {
        BackendError::with_source(ErrorKind::Store, "a store needs a tokio runtime", error)
    })?;
    Ok(handle.spawn(task))
}

/// Returns the error for a task that did not finish: the runtime ended, or the store panicked.
pub(super) fn interrupted() -> BackendError {
    BackendError::new(ErrorKind::Store, "the task that called the store ended early")
}

fn lost() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "the store did not respond while the record was locked")
}
