//! The smallest stores: only the required methods.

use std::convert::Infallible;
use std::time::Duration;

use throttle_runtime::ManualClock;
use throttle_runtime::backend::Store;

use crate::dict::{Dict, by_dict};

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

    by_dict!(reset get set delete try_lock unlock);
}

impl Store for Compares {
    type Error = Infallible;

    const COMPARE_AND_SET: bool = true;

    by_dict!(reset get set delete);

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
