//! Records that nobody else changes, until this value ends.
//!
//! What must not end half-way runs in a task of its own: a decision that is dropped neither leaves a lock behind
//! whose token nobody knows, nor frees one while its write is still under way.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Store;
use super::client::Client;
use super::holding::Holding;
use super::record::Record;
use super::turns::Turn;
use crate::{BackendError, ErrorKind};

/// Records that nobody else changes, until this value ends.
pub(super) struct Held<S: Store> {
    client: Arc<Client<S>>,
    since: Instant,
    holdings: Vec<Holding>,
    turn: Turn,
}

/// Where they are waited for.
type Caller<S> = oneshot::Sender<Result<Held<S>, BackendError>>;

impl<S: Store> Held<S> {
    pub(super) async fn take(
        client: &Arc<Client<S>>,
        names: &[String],
        turn: Turn,
    ) -> Result<Self, BackendError> {
        // Locks and marks charge nobody.
        Self::try_take(client, names, turn).await.map_err(BackendError::nothing_charged)
    }

    async fn try_take(client: &Arc<Client<S>>, names: &[String], turn: Turn) -> Result<Self, BackendError> {
        let (caller, answer) = oneshot::channel();
        let (client, names) = (Arc::clone(client), names.to_vec());
        spawn(async move {
            let held = Self::take_all(client, names, turn, &caller).await;
            // If nobody waits any more this comes back, and ends here.
            drop(caller.send(held));
        })?;
        answer.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn take_all(
        client: Arc<Client<S>>,
        names: Vec<String>,
        turn: Turn,
        caller: &Caller<S>,
    ) -> Result<Self, BackendError> {
        let mut held = Self { client, since: Instant::now(), holdings: Vec::new(), turn };
        let is_wanted = || !caller.is_closed();
        for name in &names {
            let holding = if S::COMPARE_AND_SET {
                held.client.mark(name, &is_wanted).await?
            } else {
                held.client.lock(name, &is_wanted).await?
            };
            held.holdings.push(holding);
        }
        if !S::COMPARE_AND_SET {
            let records = held.client.read(&names).await?;
            for (holding, record) in held.holdings.iter_mut().zip(records) {
                holding.record = record;
            }
        }
        Ok(held)
    }

    /// In the order of their names.
    pub(super) fn records(&self) -> Vec<Record> {
        self.holdings.iter().map(|holding| holding.record.clone()).collect()
    }

    /// Stores what became of the records, all or none.
    pub(super) async fn store(mut self, changed: Vec<Record>, now: u64) -> Result<(), BackendError> {
        let written = spawn(async move {
            let written = self.write(changed, now).await;
            if !S::COMPARE_AND_SET && written.as_ref().is_err_and(BackendError::is_timeout) {
                // It may arrive yet, so nobody gets the lock before its time has passed.
                self.holdings.clear();
            }
            self.release().await;
            written
        });
        let written = written.map_err(BackendError::nothing_charged)?;
        written.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn write(&mut self, changed: Vec<Record>, now: u64) -> Result<(), BackendError> {
        // Later the lock might be somebody else's before this is written.
        if self.since.elapsed() >= self.client.half_life() {
            return Err(lost().nothing_charged());
        }
        if S::COMPARE_AND_SET {
            return self.swap_all(&changed, now).await;
        }
        let kept = changed.iter().map(|record| record.ttl(now)).max();
        let values: Vec<String> = changed.iter().map(Record::encode).collect();
        let names = self.holdings.iter().map(|holding| holding.name.as_str());
        let items: Vec<(&str, &str)> = names.zip(values.iter().map(String::as_str)).collect();
        let stored = self.client.call(self.client.store.multi_set(&items, kept)).await;
        // Of several the store may have stored some before it failed.
        if items.len() > 1 { stored.map_err(BackendError::in_doubt) } else { stored }
    }

    /// Stores the records without their marks; if one was taken away, takes back those that were stored.
    async fn swap_all(&mut self, changed: &[Record], now: u64) -> Result<(), BackendError> {
        for (index, (holding, record)) in self.holdings.iter().zip(changed).enumerate() {
            let stored = self.client.swap_record(&holding.name, &holding.mark, record, now).await;
            if !matches!(stored, Ok(true)) {
                let mut is_undone = true;
                for (holding, record) in self.holdings.iter().zip(changed).take(index) {
                    let stored = record.encode();
                    let undone = self.client.swap_record(&holding.name, &stored, &holding.record, now).await;
                    is_undone &= matches!(undone, Ok(true));
                }
                let error = stored.map_or_else(|error| error, |_| lost().nothing_charged());
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
        // Without a runtime the locks end by themselves. One that ends drops the task at once, so nothing in it may have
        // another one started when it is dropped.
        let _ = spawn(async move {
            for holding in holdings {
                client.free(holding).await;
            }
            drop(turn);
        });
    }
}

fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>, BackendError> {
    let handle = Handle::try_current().map_err(|error| {
        BackendError::with_source(ErrorKind::Store, "a store is used within a tokio runtime only", error)
    })?;
    Ok(handle.spawn(task))
}

/// The runtime ended, or the store panicked.
fn interrupted() -> BackendError {
    BackendError::new(ErrorKind::Store, "the task that asked the store did not end")
}

fn lost() -> BackendError {
    BackendError::new(ErrorKind::Timeout, "the store took as long as a lock lasts")
}
