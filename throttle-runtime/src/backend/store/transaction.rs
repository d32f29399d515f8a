//! Reading records, judging them and writing what became of them, as if nobody else did meanwhile.

use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use super::Store;
use super::client::Client;
use super::held::Held;
use super::judge::Judgement;
use super::patience::Patience;
use super::record::Record;
use crate::BackendError;
use crate::soon::uncharged;

/// What becomes of these records at that time.
pub(super) type Judge<'a, T> = &'a (dyn Fn(&[Record], u64) -> Judgement<T> + Send + Sync);

/// Until somebody else has stored what he decided.
pub(super) const A_WHILE: Duration = Duration::from_millis(50);

impl<S: Store> Client<S> {
    /// Judges the records of these names, which are sorted.
    pub(super) async fn transact<T: Send>(
        self: &Arc<Self>,
        names: &[String],
        judge: Judge<'_, T>,
    ) -> Result<T, BackendError> {
        match names {
            [name] if S::COMPARE_AND_SET => self.swap(name, judge).await,
            _ => self.hold(names, judge).await,
        }
    }

    /// Without a lock: stores what was judged if the record is still the one that was.
    async fn swap<T: Send>(&self, name: &String, judge: Judge<'_, T>) -> Result<T, BackendError> {
        let mut patience = Patience::new();
        let mut turn = None;
        loop {
            let found = pin!(self.call(self.store.get(name)));
            let found = uncharged(found).await.map_err(BackendError::nothing_charged)?;
            let (record, hold) = Record::read(found.as_deref()).split();
            let now = self.clock.now();
            let judged = judge(slice::from_ref(&record), now);
            let Some([changed]) = judged.changed.as_deref() else { return Ok(judged.answer) };
            if hold.is_some_and(|hold| hold.is_live(now)) {
                uncharged(pin!(patience.wait(A_WHILE))).await;
                continue;
            }
            let (value, ttl) = (changed.encode(), changed.ttl(now));
            let stored = self.store.compare_and_set(name, found.as_deref(), &value, Some(ttl));
            if self.call(stored).await? {
                return Ok(judged.answer);
            }
            // Most likely the other one is in this process too, and not the last.
            match turn {
                None => turn = Some(uncharged(pin!(self.turns.wait(slice::from_ref(name)))).await),
                Some(_) => uncharged(pin!(patience.wait(A_WHILE))).await,
            }
        }
    }

    /// Holds all records from reading to writing. What changes nothing, which is every denial and every question,
    /// holds none: one limit that does not fit is enough, at whatever moment it was read.
    async fn hold<T: Send>(
        self: &Arc<Self>,
        names: &[String],
        judge: Judge<'_, T>,
    ) -> Result<T, BackendError> {
        let records = self.read(names).await?;
        let judged = judge(&records, self.clock.now());
        if judged.changed.is_none() {
            return Ok(judged.answer);
        }
        let turn = uncharged(pin!(self.turns.wait(names))).await;
        let held = uncharged(pin!(Held::take(self, names, turn))).await?;
        let now = self.clock.now();
        let judged = judge(&held.records(), now);
        if let Some(changed) = judged.changed {
            held.store(changed, now).await?;
        }
        Ok(judged.answer)
    }

    /// The records of these names, whoever holds them.
    pub(super) async fn read(&self, names: &[String]) -> Result<Vec<Record>, BackendError> {
        let keys: Vec<&str> = names.iter().map(String::as_str).collect();
        let values = pin!(self.call(self.store.multi_get(&keys)));
        let values = uncharged(values).await.map_err(BackendError::nothing_charged)?;
        let mut values = values.iter().map(|value| Record::read(value.as_deref()).split().0);
        Ok(names.iter().map(|_| values.next().unwrap_or_default()).collect())
    }
}
