//! The smallest stores: only the required methods.

use std::convert::Infallible;
use std::time::Duration;

use throttle_runtime::ManualClock;
use throttle_runtime::backend::Store;

use crate::dict::Dict;

/// A store with locks.
#[derive(Debug)]
pub(crate) struct Locks(Dict<false>);

/// A store with a compare-and-set.
#[derive(Debug)]
pub(crate) struct Compares(Dict<true>);

impl Locks {
    pub(crate) fn at(clock: &ManualClock) -> Self {
        Self(Dict::at(clock))
    }
}

impl Compares {
    pub(crate) fn at(clock: &ManualClock) -> Self {
        Self(Dict::at(clock))
    }
}

impl Store for Locks {
    type Error = Infallible;

    async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
        self.0.reset(prefix).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
        self.0.get(key).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        self.0.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.0.delete(key).await
    }

    async fn try_lock(&self, key: &str, ttl: Duration) -> Result<Option<u64>, Infallible> {
        self.0.try_lock(key, ttl).await
    }

    async fn unlock(&self, key: &str, token: u64) -> Result<bool, Infallible> {
        self.0.unlock(key, token).await
    }
}

impl Store for Compares {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = true;

    async fn reset(&self, prefix: &str) -> Result<(), Infallible> {
        self.0.reset(prefix).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>, Infallible> {
        self.0.get(key).await
    }

    async fn set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<(), Infallible> {
        self.0.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Infallible> {
        self.0.delete(key).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&str>,
        value: &str,
        ttl: Option<Duration>,
    ) -> Result<bool, Infallible> {
        self.0.compare_and_set(key, expected, value, ttl).await
    }
}
