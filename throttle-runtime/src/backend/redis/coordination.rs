//! Values that instances share, each under its own name.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

use super::codec::stored_bytes;
use super::engine::Engine;
use super::errors::unexpected_reply;
use super::{Redis, Reply};
use crate::backend::CoordinationStore;
use crate::error::BackendError;
use crate::util::now_or_later::NowOrLater;

/// Uses only commands that decisions also need, so a user with the permissions for decisions needs no others.
impl CoordinationStore for Redis {
    fn put<'a>(&'a self, name: &'a str, value: u64, ttl: Duration) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            // A time to live of zero would be an error.
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, MAX_TTL_MILLIS);
            let set = |set: &mut Cmd, key: &str| {
                set.arg(key).arg(value).arg("PX").arg(millis);
            };
            self.engine.send_for(name, "SET", set).await.map(drop)
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>> {
        NowOrLater::later(async move {
            let reply = self.engine.send_for(name, "MGET", add_key).await?;
            let Value::Array(found) = reply else { return Err(unexpected_reply()) };
            let text = found.first().and_then(stored_bytes).and_then(|found| str::from_utf8(found).ok());
            Ok(text.and_then(|text| text.parse().ok()))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        NowOrLater::later(async move { self.engine.send_for(name, "DEL", add_key).await.map(drop) })
    }
}

/// A century in milliseconds. The server rejects longer times because of overflow.
const MAX_TTL_MILLIS: u64 = 100 * 366 * 24 * 60 * 60 * 1_000;

fn add_key(command: &mut Cmd, key: &str) {
    command.arg(key);
}

impl Engine {
    async fn send_for(
        &self,
        name: &str,
        verb: &str,
        arguments: impl FnOnce(&mut Cmd, &str),
    ) -> Result<Value, BackendError> {
        // A reset deletes keys in which `:{` follows the namespace, so it does not delete these.
        let key: Arc<str> = format!("{}:board:{name}", self.namespace).into();
        let mut command = redis::cmd(verb);
        arguments(&mut command, &key);
        let hash_slot = self.router.common_hash_slot(&[key]).unwrap_or_default();
        Ok(self.router.handle(hash_slot)?.send(command).await?)
    }
}
