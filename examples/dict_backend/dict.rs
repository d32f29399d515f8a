//! A store in a map of this process: a complete implementation of [`Store`].

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use throttle::backend::{Increment, Store};

#[derive(Debug, Default)]
pub(crate) struct Dict(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    values: HashMap<String, Value>,
    locks: HashMap<String, Lock>,
    /// The token of the last lock. Each token is greater than all earlier tokens.
    tokens: u64,
}

#[derive(Debug)]
struct Value {
    text: String,
    /// The time of expiry, if there is one.
    until: Option<Instant>,
}

#[derive(Debug)]
struct Lock {
    token: u64,
    until: Instant,
}

impl Dict {
    /// Locks the tables. The guard is never held across an `await`, so it blocks other callers only briefly.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Returns a value that has not expired.
    fn live(&mut self, key: &str) -> Option<&mut Value> {
        let now = Instant::now();
        self.values.get_mut(key).filter(|value| value.until.is_none_or(|until| until > now))
    }

    fn insert(&mut self, key: &str, text: String, ttl: Option<Duration>) {
        // Before the map would grow, remove the expired entries. No background task is needed.
        if self.values.len() == self.values.capacity() {
            let now = Instant::now();
            self.values.retain(|_, value| value.until.is_none_or(|until| until > now));
            self.locks.retain(|_, lock| lock.until > now);
        }
        let until = ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        self.values.insert(key.to_owned(), Value { text, until });
    }
}

impl Store for Dict {
    type Error = Infallible;

    /// `compare_and_set` is atomic, because all of it happens under one mutex. Otherwise `StoreBackend` would use
    /// the locks.
    const COMPARE_AND_SET: bool = true;

    /// `increment_within` is atomic as well, so a decision of a fixed window is one call.
    const INCREMENT_WITHIN: bool = true;

    async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
        self.tables().values.retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }

    async fn close(&self) -> Result<(), Infallible> {
        *self.tables() = Tables::default();
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
        Ok(self.tables().live(key).map(|value| value.text.clone()))
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        self.tables().insert(key, value.to_owned(), ttl);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.tables().values.remove(key);
        Ok(())
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> Result<Increment, Infallible> {
        let mut tables = self.tables();
        let value = tables.live(key);
        let number = value.as_ref().and_then(|value| value.text.parse().ok()).unwrap_or(0_i64);
        let sum = number.saturating_add(by);
        if sum > limit {
            return Ok(Increment::Exceeded(number));
        }
        match value {
            // The first increment sets the expiry.
            Some(value) => value.text = sum.to_string(),
            None => tables.insert(key, sum.to_string(), Some(ttl)),
        }
        Ok(Increment::Added(sum))
    }

    /// Returns immediately. `get_lock` calls this function until the lock is free.
    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, Infallible> {
        let (mut tables, now) = (self.tables(), Instant::now());
        if tables.locks.get(key).is_some_and(|lock| lock.until > now) {
            return Ok(None);
        }
        tables.tokens += 1;
        let token = tables.tokens;
        tables.locks.insert(key.to_owned(), Lock { token, until: now + ttl });
        Ok(Some(token))
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, Infallible> {
        let (mut tables, now) = (self.tables(), Instant::now());
        let is_held = tables.locks.get(key).is_some_and(|lock| lock.token == token && lock.until > now);
        Ok(is_held && tables.locks.remove(key).is_some())
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, Infallible> {
        let mut tables = self.tables();
        let is_expected = tables.live(key).map(|value| &*value.text) == expected;
        if is_expected {
            tables.insert(key, value.to_owned(), ttl);
        }
        Ok(is_expected)
    }
}
