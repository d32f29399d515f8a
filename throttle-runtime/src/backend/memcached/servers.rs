//! Entries on the servers: reading them with the generation of their namespace, and writing what is to replace them.

use std::sync::Arc;
use std::time::Duration;

use tokio::try_join;

use super::nodes::Nodes;
use super::protocol::{Command, Reply, When};
use super::seen::Seen;
use super::value::Value;
use crate::{BackendError, Clock, random};

/// What is kept in Memcached beside each value: its generation, and until when it holds.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) nodes: Nodes,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) seen: Seen,
}

/// What is found under a key.
pub(super) struct Found {
    /// Which version of an entry it is; `None` if there is none.
    pub(super) cas: Option<u64>,
    pub(super) generation: u64,
    /// Of this generation, and not yet expired.
    pub(super) value: Option<Value>,
}

impl Servers {
    pub(super) fn new(nodes: Nodes, clock: Arc<dyn Clock>) -> Self {
        Self { nodes, clock, seen: Seen::default() }
    }

    /// What is there, and the generation of the namespace, in one round trip.
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

    /// The generation of the namespace on the server of this key. If there is none that can be read, one begins: of
    /// what was stored before nothing is known.
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

    /// Stores a value under a condition; whether it was.
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
        let micros = |ttl: Duration| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX);
        ttl.map_or(0, |ttl| self.clock.now().saturating_add(micros(ttl)).max(1))
    }

    /// Replaces what is there by what `change` makes of it, until nobody comes in between; `None` leaves it.
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

/// The key of the generation of a key's namespace: no store key has this sign.
pub(super) fn generation_of(key: &str) -> String {
    format!("{}#generation", key.split(':').next().unwrap_or_default())
}
