//! Entries on the servers: reads them with the generation of their namespace, and writes their replacements.

use std::sync::Arc;
use std::time::Duration;

use tokio::try_join;

use super::cas_cache::Seen;
use super::entry::Value;
use super::protocol::{Command, Reply, When};
use super::routing::Nodes;
use crate::clock::Clock;
use crate::error::BackendError;
use crate::util::duration::micros;
use crate::util::random;

/// A store on Memcached servers. Each entry contains a generation and an expiry time beside its value.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(super) nodes: Nodes,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) seen: Seen,
}

/// An entry that was read.
pub(super) struct Found {
    /// The CAS number of the entry; `None` if there is no entry.
    pub(super) cas: Option<u64>,
    pub(super) generation: u64,
    /// The value, if it is of this generation and has not expired.
    pub(super) value: Option<Value>,
}

impl Servers {
    pub(super) fn new(nodes: Nodes, clock: Arc<dyn Clock>) -> Self {
        Self { nodes, clock, seen: Seen::default() }
    }

    /// Reads an entry and the generation of the namespace, in one round trip.
    pub(super) async fn find(&self, key: &str) -> Result<Found, BackendError> {
        let name = generation_of(key);
        let reply = self.nodes.ask(key, Command::Get { key });
        let (reply, generation) = try_join!(reply, self.generation(key, &name))?;
        Ok(match reply {
            Reply::Value { value, cas } => Found {
                cas: Some(cas),
                generation,
                value: Value::decode(&value, generation, self.clock.now()),
            },
            _ => Found { cas: None, generation, value: None },
        })
    }

    /// Returns the generation of the namespace on the server of this key. If no generation can be read, a new
    /// one begins, because nothing is known about values that were stored before.
    pub(super) async fn generation(&self, key: &str, name: &str) -> Result<u64, BackendError> {
        loop {
            let cas = match self.nodes.ask(key, Command::Get { key: name }).await? {
                Reply::Value { value, cas } => match str::from_utf8(&value).map(str::parse) {
                    Ok(Ok(generation)) => return Ok(generation),
                    _ => Some(cas),
                },
                _ => None,
            };
            let value = random::number().to_string();
            let begin = Command::Set { key: name, value: value.as_bytes(), ttl: 0, when: unchanged(cas) };
            self.nodes.ask(key, begin).await?;
        }
    }

    /// Stores a value under a condition. Returns whether it was stored.
    pub(super) async fn write(
        &self,
        key: &str,
        value: &Value,
        generation: u64,
        when: When,
    ) -> Result<bool, BackendError> {
        let (bytes, ttl) = (value.encode(generation), value.seconds(self.clock.now()));
        let reply = self.nodes.ask(key, Command::Set { key, value: bytes.as_bytes(), ttl, when }).await?;
        Ok(reply == Reply::Done)
    }

    pub(super) fn until(&self, ttl: Option<Duration>) -> u64 {
        let micros = |ttl: Duration| micros(ttl);
        ttl.map_or(0, |ttl| self.clock.now().saturating_add(micros(ttl)).max(1))
    }

    /// Replaces the value by the result of `change`, and retries until no other process writes in between.
    /// `None` keeps the value.
    pub(super) async fn update<T>(
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

pub(super) const fn unchanged(cas: Option<u64>) -> When {
    match cas {
        Some(cas) => When::Unchanged(cas),
        None => When::Missing,
    }
}

/// Returns the key of the generation of a key's namespace. No key of the store contains `#`.
pub(super) fn generation_of(key: &str) -> String {
    format!("{}#generation", key.split(':').next().unwrap_or_default())
}
