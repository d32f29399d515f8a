//! Implements [`Store`](crate::backend::Store) on Memcached.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::cas_cache::Read;
use super::entries::{Found, Servers, generation_of, unchanged};
use super::entry::Value;
use super::protocol::{Command, Reply, When};
use crate::backend::Store;
use crate::error::{BackendError, ErrorKind};
use crate::util::random;

impl Store for Servers {
    type Error = BackendError;

    const COMPARE_AND_SET: bool = true;

    fn kind(error: &BackendError) -> ErrorKind {
        error.kind()
    }

    async fn initialize(&self) -> Result<(), BackendError> {
        self.nodes.ready().await
    }

    async fn close(&self) -> Result<(), BackendError> {
        self.nodes.close();
        Ok(())
    }

    async fn reset(&self, prefix: &str) -> Result<(), BackendError> {
        let (name, new) = (generation_of(prefix), random::number().to_string());
        let set = Command::Set { key: &name, value: new.as_bytes(), ttl: 0, when: When::Always };
        self.nodes.ask_all(set).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, BackendError> {
        let Found { cas, generation, value } = self.find(key).await?;
        let value = value.map(|value| value.text);
        self.seen.put(key, Read { cas, generation, value: value.clone() });
        Ok(value)
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), BackendError> {
        let generation = self.generation(key, &generation_of(key)).await?;
        let value = Value { text: value.to_owned(), until: self.until(ttl) };
        self.write(key, &value, generation, When::Always).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), BackendError> {
        self.nodes.ask(key, Command::Delete { key }).await.map(drop)
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, BackendError> {
        let Found { cas, generation, value: None } = self.find(key).await? else { return Ok(None) };
        // The token is greater than all tokens before, even if Memcached has lost the counter.
        let counter = format!("{key}:token");
        let token = self.update(&counter, |value| {
            let last = value.and_then(|value| value.text.parse().ok()).unwrap_or(0_u64);
            let token = self.clock.now().max(last + 1);
            Ok((Some(Value { text: token.to_string(), until: 0 }), token))
        });
        let token = token.await?;
        let value = Value { text: token.to_string(), until: self.until(Some(ttl)) };
        Ok(self.write(key, &value, generation, unchanged(cas)).await?.then_some(token))
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, BackendError> {
        let Found { cas: Some(cas), value: Some(value), .. } = self.find(key).await? else {
            return Ok(false);
        };
        if value.text != token.to_string() {
            return Ok(false);
        }
        Ok(self.nodes.ask(key, Command::DeleteIf { key, cas }).await? == Reply::Done)
    }

    async fn multi_get(&self, keys: &[&str]) -> Result<Vec<Option<String>>, BackendError> {
        all(keys.iter().map(|key| Box::pin(self.get(key))).collect()).await.into_iter().collect()
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, BackendError> {
        let (cas, generation) = match self.seen.take(key, expected) {
            Some(Read { cas, generation, .. }) => (cas, generation),
            None => {
                let found = self.find(key).await.map_err(BackendError::safe_to_retry)?;
                let Found { cas, generation, value } = found;
                if value.as_ref().map(|value| &*value.text) != expected {
                    return Ok(false);
                }
                (cas, generation)
            }
        };
        let value = Value { text: value.to_owned(), until: self.until(ttl) };
        self.write(key, &value, generation, unchanged(cas)).await
    }
}

/// Returns the results of futures that run concurrently.
async fn all<T>(futures: Vec<impl Future<Output = T> + Unpin>) -> Vec<T> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    poll_fn(|context| {
        for (future, answer) in &mut slots {
            if answer.is_none()
                && let Poll::Ready(ready) = Pin::new(future).poll(context)
            {
                *answer = Some(ready);
            }
        }
        if slots.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(|(_, answer)| answer).collect()
}
