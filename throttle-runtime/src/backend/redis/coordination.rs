//! Values that instances share, each under its own name.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

use super::codec::bytes;
use super::engine::Engine;
use super::errors::nonsense;
use super::{Redis, Reply};
use crate::backend::Board;
use crate::{BackendError, Soon};

/// Uses only commands that decisions also need, so a user with the permissions for decisions needs no others.
impl Board for Redis {
    fn post<'a>(&'a self, name: &'a str, word: u64, ttl: Duration) -> Reply<'a, ()> {
        Soon::later(async move {
            // A time to live of zero would be an error.
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, LONGEST);
            let set = |set: &mut Cmd, name: &str| {
                set.arg(name).arg(word).arg("PX").arg(millis);
            };
            self.engine.ask_about(name, "SET", set).await.map(drop)
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>> {
        Soon::later(async move {
            let answer = self.engine.ask_about(name, "MGET", with_name).await?;
            let Value::Array(found) = answer else { return Err(nonsense()) };
            let text = found.first().and_then(bytes).and_then(|found| str::from_utf8(found).ok());
            Ok(text.and_then(|text| text.parse().ok()))
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        Soon::later(async move { self.engine.ask_about(name, "DEL", with_name).await.map(drop) })
    }
}

/// A century in milliseconds. The server rejects longer times because of overflow.
const LONGEST: u64 = 100 * 366 * 24 * 60 * 60 * 1_000;

fn with_name(command: &mut Cmd, name: &str) {
    command.arg(name);
}

impl Engine {
    async fn ask_about(
        &self,
        name: &str,
        verb: &str,
        arguments: impl FnOnce(&mut Cmd, &str),
    ) -> Result<Value, BackendError> {
        // A reset deletes keys in which `:{` follows the namespace, so it does not delete these.
        let name: Arc<str> = format!("{}:board:{name}", self.namespace).into();
        let mut command = redis::cmd(verb);
        arguments(&mut command, &name);
        let hash_slot = self.router.common_hash_slot(&[name]).unwrap_or_default();
        Ok(self.router.handle(hash_slot)?.send(command).await?)
    }
}
