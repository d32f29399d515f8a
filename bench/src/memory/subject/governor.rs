//! The crate governor: a sharded map of strings or addresses, with a lock per shard.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota};

use super::{Decide, Subject, Task};
use crate::memory::cell::Outcome;
use crate::memory::workload::Client;

impl<K: Client + Hash + Eq + Clone + Send + Sync> Decide for DefaultKeyedRateLimiter<K> {
    type Key = K;

    #[inline]
    fn decide(&self, key: &K) -> bool {
        self.check_key(key).is_ok()
    }
}

pub(super) fn by_name(task: &Task) -> Box<dyn Subject> {
    Box::new(DefaultKeyedRateLimiter::<String>::keyed(quota(task.outcome)))
}

/// Returns a limiter with this burst for each client, refilled by one per hour.
pub(crate) fn reference(burst: u32) -> DefaultKeyedRateLimiter<String> {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    DefaultKeyedRateLimiter::keyed(Quota::per_hour(NonZeroU32::MIN).allow_burst(burst))
}

pub(super) fn by_address(task: &Task) -> Box<dyn Subject> {
    Box::new(DefaultKeyedRateLimiter::<IpAddr>::keyed(quota(task.outcome)))
}

const fn quota(outcome: Outcome) -> Quota {
    const BILLION: NonZeroU32 = NonZeroU32::new(1_000_000_000).unwrap();
    match outcome {
        Outcome::Allowed | Outcome::Stale => Quota::per_second(BILLION).allow_burst(NonZeroU32::MAX),
        Outcome::Denied => Quota::per_hour(NonZeroU32::MIN),
    }
}
