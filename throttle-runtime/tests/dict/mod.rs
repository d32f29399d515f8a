//! A store in a dictionary with a manual clock. Every call yields to other tasks.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use throttle_runtime::backend::{Increment, Store};
use throttle_runtime::{Clock, ManualClock};

/// It has its own `compare_and_set` or locks, and optionally its own `increment_within`.
#[derive(Debug, Default)]
pub(crate) struct Dict<const COMPARES: bool, const COUNTS: bool = false> {
    clock: ManualClock,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) values: HashMap<String, Value>,
    pub(crate) locks: HashMap<String, Lock>,
    pub(crate) tokens: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) until: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Lock {
    pub(crate) token: u64,
    pub(crate) until: u64,
}

impl<const COMPARES: bool, const COUNTS: bool> Dict<COMPARES, COUNTS> {
    pub(crate) fn at(clock: &ManualClock) -> Self {
        Self { clock: clock.clone(), tables: Mutex::default() }
    }

    pub(crate) fn until(&self, ttl: Duration) -> u64 {
        self.clock.now() + u64::try_from(ttl.as_micros()).expect("a time")
    }

    /// Returns the current content.
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        let now = self.clock.now();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.values.retain(|_, value| value.until > now);
        tables.locks.retain(|_, lock| lock.until > now);
        tables
    }

    /// Accesses the content in the middle of a call. Other tasks run before and after it.
    pub(crate) async fn turn<T>(&self, work: impl FnOnce(&mut Tables) -> T) -> Result<T, Infallible> {
        tokio::task::yield_now().await;
        let done = work(&mut self.tables());
        tokio::task::yield_now().await;
        Ok(done)
    }
}

impl<const COMPARES: bool, const COUNTS: bool> Store for Dict<COMPARES, COUNTS> {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = COMPARES;
    const INCREMENT_WITHIN: bool = COUNTS;

    async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
        self.turn(|tables| tables.values.retain(|key, _| !key.starts_with(prefix))).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
        self.turn(|tables| tables.values.get(key).map(|value| value.text.clone())).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        let value = Value { text: value.to_owned(), until: ttl.map_or(u64::MAX, |ttl| self.until(ttl)) };
        self.turn(|tables| drop(tables.values.insert(key.to_owned(), value))).await
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.turn(|tables| drop(tables.values.remove(key))).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        limit: i64,
        ttl: Duration,
    ) -> Result<Increment, Infallible> {
        let until = self.until(ttl);
        self.turn(|tables| {
            let value = tables.values.get_mut(key);
            let number = value.as_ref().and_then(|value| value.text.parse().ok()).unwrap_or(0_i64);
            let sum = number.saturating_add(by);
            if sum > limit {
                return Increment::Exceeded(number);
            }
            match value {
                Some(value) => value.text = sum.to_string(),
                None => drop(tables.values.insert(key.to_owned(), Value { text: sum.to_string(), until })),
            }
            Increment::Added(sum)
        })
        .await
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, Infallible> {
        let until = self.until(ttl);
        self.turn(|tables| {
            tables.tokens += 1;
            let lock = Lock { token: tables.tokens, until };
            let held = *tables.locks.entry(key.to_owned()).or_insert(lock);
            (held.token == lock.token).then_some(lock.token)
        })
        .await
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, Infallible> {
        self.turn(|tables| {
            let is_mine = tables.locks.get(key).is_some_and(|lock| lock.token == token);
            is_mine && tables.locks.remove(key).is_some()
        })
        .await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, Infallible> {
        let value = Value { text: value.to_owned(), until: ttl.map_or(u64::MAX, |ttl| self.until(ttl)) };
        self.turn(|tables| {
            let is_expected = tables.values.get(key).map(|value| &*value.text) == expected;
            if is_expected {
                tables.values.insert(key.to_owned(), value);
            }
            is_expected
        })
        .await
    }
}

/// Implements methods of a [`Store`] by the [`Dict`] in its first field.
macro_rules! by_dict {
    (@reset) => {
        async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
            self.0.reset(prefix).await
        }
    };
    (@get) => {
        async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
            self.0.get(key).await
        }
    };
    (@set) => {
        async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
            self.0.set(key, value, ttl).await
        }
    };
    (@delete) => {
        async fn delete(&self, key: &str) -> Result<(), Infallible> {
            self.0.delete(key).await
        }
    };
    (@try_lock) => {
        async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, Infallible> {
            self.0.try_lock(key, ttl).await
        }
    };
    (@unlock) => {
        async fn unlock(&self, key: &str, token: u64) -> Result<bool, Infallible> {
            self.0.unlock(key, token).await
        }
    };
    ($($method:ident)*) => { $( $crate::dict::by_dict!(@$method); )* };
}

pub(crate) use by_dict;
