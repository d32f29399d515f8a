//! The store contract on Memcached.

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::try_join;

use super::nodes::Nodes;
use super::protocol::{Command, Reply, When};
use super::seen::{Read, Seen};
use crate::backend::Store;
use crate::{BackendError, Clock, ErrorKind};

/// What is kept in Memcached beside each value: its generation, and until when it holds.
#[derive(Debug)]
pub(super) struct Servers {
    nodes: Nodes,
    clock: Arc<dyn Clock>,
    seen: Seen,
}

/// What is found under a key.
struct Found {
    /// Which version of an entry it is; `None` if there is none.
    cas: Option<u64>,
    generation: u64,
    /// Of this generation, and not yet expired.
    value: Option<Value>,
}

#[derive(Debug, Clone)]
struct Value {
    text: String,
    /// Microseconds since the Unix epoch; 0 is never.
    until: u64,
}

/// Longer times count as points in time in Memcached.
const LONGEST_TTL: u64 = 30 * 24 * 3_600;

impl Servers {
    pub(super) fn new(nodes: Nodes, clock: Arc<dyn Clock>) -> Self {
        Self { nodes, clock, seen: Seen::default() }
    }

    /// What is there, and the generation of the namespace, in one round trip.
    async fn find(&self, key: &str) -> Result<Found, BackendError> {
        let name = generation_of(key);
        let reply = self.nodes.ask(key, Command::Get { key });
        let (reply, generation) = try_join!(reply, self.generation(key, &name))?;
        Ok(match reply {
            Reply::Value { value, cas } => {
                Found { cas: Some(cas), generation, value: decoded(&value, generation, self.clock.now()) }
            }
            _ => Found { cas: None, generation, value: None },
        })
    }

    /// The generation of the namespace on the server of this key. If there is none that can be read, one begins: of
    /// what was stored before nothing is known.
    async fn generation(&self, key: &str, name: &str) -> Result<u64, BackendError> {
        loop {
            let cas = match self.nodes.ask(key, Command::Get { key: name }).await? {
                Reply::Value { value, cas } => match str::from_utf8(&value).map(str::parse) {
                    Ok(Ok(generation)) => return Ok(generation),
                    _ => Some(cas),
                },
                _ => None,
            };
            let value = random().to_string();
            let begin = Command::Set { key: name, value: value.as_bytes(), ttl: 0, when: unchanged(cas) };
            self.nodes.ask(key, begin).await?;
        }
    }

    /// Stores a value under a condition; whether it was.
    async fn write(
        &self,
        key: &str,
        value: &Value,
        generation: u64,
        when: When,
    ) -> Result<bool, BackendError> {
        let bytes = format!("{generation} {} {}", value.until, value.text);
        let ttl = seconds(value.until, self.clock.now());
        let reply = self.nodes.ask(key, Command::Set { key, value: bytes.as_bytes(), ttl, when }).await?;
        Ok(reply == Reply::Done)
    }

    fn until(&self, ttl: Option<Duration>) -> u64 {
        let micros = |ttl: Duration| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX);
        ttl.map_or(0, |ttl| self.clock.now().saturating_add(micros(ttl)).max(1))
    }

    /// Replaces what is there by what `change` makes of it, until nobody comes in between; `None` leaves it.
    async fn update<T>(
        &self,
        key: &str,
        change: impl Fn(Option<Value>) -> Result<(Option<Value>, T), BackendError>,
    ) -> Result<T, BackendError> {
        loop {
            let Found { cas, generation, value } = self.find(key).await?;
            let (new, answer) = change(value)?;
            let Some(new) = new else { return Ok(answer) };
            if self.write(key, &new, generation, unchanged(cas)).await? {
                return Ok(answer);
            }
        }
    }
}

const fn unchanged(cas: Option<u64>) -> When {
    match cas {
        Some(cas) => When::Unchanged(cas),
        None => When::Missing,
    }
}

/// The answers of futures that go on side by side.
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

/// A number that no generation had before.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// The key of the generation of a key's namespace: no store key has this sign.
fn generation_of(key: &str) -> String {
    format!("{}#generation", key.split(':').next().unwrap_or_default())
}

/// What was written, unless it is of another generation, has expired, or is not ours.
fn decoded(bytes: &[u8], generation: u64, now: u64) -> Option<Value> {
    let mut parts = str::from_utf8(bytes).ok()?.splitn(3, ' ');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (of, until) = (number()?, number()?);
    let text = parts.next()?.to_owned();
    (of == generation && (until == 0 || until > now)).then_some(Value { text, until })
}

/// Whole seconds for Memcached, never too few.
fn seconds(until: u64, now: u64) -> u32 {
    if until == 0 {
        return 0;
    }
    // Memcached's own seconds begin at any time, so one more is kept.
    let ttl = until.saturating_sub(now).div_ceil(1_000_000) + 1;
    // What is longer is a point in time, by the clock of the machine whatever ours is.
    let begin =
        if ttl > LONGEST_TTL { SystemTime::now().duration_since(UNIX_EPOCH) } else { Ok(Duration::ZERO) };
    let seconds = ttl.saturating_add(begin.unwrap_or_default().as_secs());
    // Beyond 2106 is for good.
    u32::try_from(seconds).unwrap_or(0)
}

fn no_number() -> BackendError {
    BackendError::new(ErrorKind::Store, "what is stored in Memcached is no number")
}

impl Store for Servers {
    type Error = BackendError;

    const COMPARE_AND_SET: bool = true;

    fn kind(error: &BackendError) -> ErrorKind {
        error.kind()
    }

    async fn initialize(&self) -> Result<(), BackendError> {
        self.nodes.ready().await
    }

    async fn reset(&self, prefix: &str) -> Result<(), BackendError> {
        let (name, new) = (generation_of(prefix), random().to_string());
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

    async fn expire(&self, key: &str, ttl: Duration) -> Result<(), BackendError> {
        let until = self.until(Some(ttl));
        self.update(key, |value| Ok((value.map(|value| Value { until, ..value }), ()))).await
    }

    async fn increment(&self, key: &str, by: i64) -> Result<i64, BackendError> {
        self.update(key, |value| {
            let Value { text, until } = value.unwrap_or_else(|| Value { text: "0".to_owned(), until: 0 });
            let sum = text.parse::<i64>().map_err(|_| no_number())?.saturating_add(by);
            Ok((Some(Value { text: sum.to_string(), until }), sum))
        })
        .await
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, BackendError> {
        let Found { cas, generation, value: None } = self.find(key).await? else { return Ok(None) };
        // Greater than all before, also if Memcached has forgotten them.
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
                let Found { cas, generation, value } = self.find(key).await?;
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
