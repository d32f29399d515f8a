//! Decisions on one counter, with one call of the store.

use std::pin::pin;
use std::sync::Arc;

use super::backoff::{MAX_WAIT, Patience};
use super::client::Client;
use super::evaluate::Case;
use super::increment::Increment;
use super::record_guard::{interrupted, spawn};
use super::record_lock::{Holding, contradiction};
use super::slot::Slot;
use super::{Store, counter, keys};
use crate::backend::{Mode, Verdict};
use crate::error::BackendError;
use crate::util::now_or_later::uncharged;

impl<S: Store> Client<S> {
    /// Adds to the only counter of a case, up to its limit.
    pub(super) async fn count(
        self: &Arc<Self>,
        case: &Case<'_>,
        (cost, limit): (i64, i64),
    ) -> Result<Verdict, BackendError> {
        let mut patience = Patience::new();
        loop {
            let now = self.clock.now();
            let Some(slot) = case.slots(now).pop() else { return Err(contradiction()) };
            match self.increment(&slot, cost, limit, now).await? {
                Increment::Added(sum) => {
                    let before = slot.counted(sum.saturating_sub(cost));
                    return case.decide(Mode::Peek, &[before], now).answer;
                }
                Increment::Exceeded(number) => match counter::hold_of(number, now) {
                    None => {
                        let verdict = case.decide(Mode::Peek, &[slot.counted(number)], now).answer?;
                        if !verdict.quotas.fit() {
                            return Ok(verdict);
                        }
                    }
                    Some(hold) if hold.is_live(now) => {}
                    Some(_) => {
                        uncharged(pin!(self.reopen(&slot))).await.map_err(BackendError::safe_to_retry)?;
                    }
                },
            }
            uncharged(pin!(patience.wait(MAX_WAIT))).await;
        }
    }

    /// Runs in its own task, so that no operation of the store is interrupted half-way, such as the
    /// subtraction of units above the limit.
    async fn increment(
        self: &Arc<Self>,
        slot: &Slot,
        by: i64,
        limit: i64,
        now: u64,
    ) -> Result<Increment, BackendError> {
        let (client, slot) = (Arc::clone(self), slot.clone());
        let done = spawn(async move {
            let ttl = slot.ttl(&slot.counted(0), now);
            client.call(client.store.increment_within(&slot.key, by, limit, ttl)).await
        });
        let done = done.map_err(BackendError::safe_to_retry)?;
        done.await.unwrap_or_else(|_| Err(interrupted()))
    }

    /// Opens a counter whose holder has died. This runs in its own task, so that a decision that is dropped
    /// leaves no lock.
    async fn reopen(self: &Arc<Self>, slot: &Slot) -> Result<(), BackendError> {
        let (client, slot) = (Arc::clone(self), slot.clone());
        let opened = spawn(async move { client.open_abandoned(&slot).await })?;
        opened.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn open_abandoned(self: &Arc<Self>, slot: &Slot) -> Result<(), BackendError> {
        if S::COMPARE_AND_SET {
            let found = self.call(self.store.get(&slot.key)).await?;
            let now = self.clock.now();
            let (record, hold) = slot.read(found.as_deref(), now);
            if let (Some(hold), Some(text)) = (hold, found)
                && !hold.is_live(now)
            {
                self.swap_record(slot, &text, &record, now).await?;
            }
            return Ok(());
        }
        let lock = keys::lock(&slot.name);
        let lock = self.store.get_lock(&lock, self.lock_ttl, MAX_WAIT);
        let Some(token) = self.call(lock).await? else { return Ok(()) };
        let mut holding = Holding::locked(slot.clone(), token);
        let closed = self.close_counter(&mut holding).await;
        self.free(holding).await;
        closed
    }
}
