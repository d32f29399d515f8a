//! Transactions: read records, evaluate them and write the results, isolated from other decisions.

use std::pin::pin;
use std::slice;
use std::sync::Arc;

use super::Store;
use super::backoff::{MAX_WAIT, Patience};
use super::client::Client;
use super::evaluate::{Case, Judgement};
use super::record::Record;
use super::record_guard::Held;
use crate::error::BackendError;
use crate::util::now_or_later::uncharged;

/// Evaluates records at a given time, and returns the new records.
pub(super) type Judge<'a, T> = &'a (dyn Fn(&[Record], u64) -> Judgement<T> + Send + Sync);

impl<S: Store> Client<S> {
    /// Evaluates the records of a case, and stores the changes.
    pub(super) async fn transact<T: Send>(
        self: &Arc<Self>,
        case: &Case<'_>,
        judge: Judge<'_, T>,
    ) -> Result<T, BackendError> {
        match case.names() {
            [name] if S::COMPARE_AND_SET => self.swap(case, name, judge).await,
            _ => self.hold(case, judge).await,
        }
    }

    /// Evaluates one record without a lock, and stores the result if the record has not changed since it was
    /// read.
    async fn swap<T: Send>(
        &self,
        case: &Case<'_>,
        name: &String,
        judge: Judge<'_, T>,
    ) -> Result<T, BackendError> {
        let mut patience = Patience::new();
        let mut turn = None;
        loop {
            let Some(slot) = case.slots(self.clock.now()).pop() else {
                return Ok(judge(&[], self.clock.now()).answer);
            };
            let found = pin!(self.call(self.store.get(&slot.key)));
            let found = uncharged(found).await.map_err(BackendError::safe_to_retry)?;
            let now = self.clock.now();
            if !slot.is_current(now) {
                continue;
            }
            let (record, hold) = slot.read(found.as_deref(), now);
            let judged = judge(slice::from_ref(&record), now);
            let Some([changed]) = judged.changed.as_deref() else { return Ok(judged.answer) };
            if hold.is_some_and(|hold| hold.is_live(now)) {
                uncharged(pin!(patience.wait(MAX_WAIT))).await;
                continue;
            }
            let (value, ttl) = (slot.write(changed), slot.ttl(changed, now));
            let stored = self.store.compare_and_set(&slot.key, found.as_deref(), &value, Some(ttl));
            if self.call(stored).await? {
                return Ok(judged.answer);
            }
            // The competing decision is most likely one of several in this process, so this decision queues
            // behind them.
            match turn {
                None => turn = Some(uncharged(pin!(self.turns.wait(slice::from_ref(name)))).await),
                Some(_) => uncharged(pin!(patience.wait(MAX_WAIT))).await,
            }
        }
    }

    /// Holds all records from the read to the write. A decision that changes nothing, such as a denial or a
    /// peek, holds no record: one limit that is exceeded is enough for a denial, at whatever moment it was
    /// read.
    async fn hold<T: Send>(
        self: &Arc<Self>,
        case: &Case<'_>,
        judge: Judge<'_, T>,
    ) -> Result<T, BackendError> {
        loop {
            let slots = case.slots(self.clock.now());
            let records = uncharged(pin!(self.read(&slots))).await?;
            let now = self.clock.now();
            let judged = judge(&records, now);
            if judged.changed.is_none() {
                return Ok(judged.answer);
            }
            let turn = uncharged(pin!(self.turns.wait(case.names()))).await;
            let held = uncharged(pin!(Held::take(self, slots, turn))).await?;
            let now = self.clock.now();
            if !held.is_current(now) {
                continue;
            }
            let judged = judge(&held.records(), now);
            if let Some(changed) = judged.changed {
                held.store(changed, now).await?;
            }
            return Ok(judged.answer);
        }
    }
}
