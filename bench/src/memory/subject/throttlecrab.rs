//! The crate throttlecrab: one map, locked by the caller. Alone because each measured crate has its file.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use throttlecrab::{PeriodicStore, RateLimiter};

use super::{Decide, Subject, Task};
use crate::memory::cell::Outcome;

struct Throttlecrab {
    // Not the adaptive store, which is the default: it scans all keys at every write while its map is nearly
    // full.
    limiter: Mutex<RateLimiter<PeriodicStore>>,
    burst: i64,
    count: i64,
    seconds: i64,
}

impl Decide for Throttlecrab {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let decision = limiter.rate_limit(key, self.burst, self.count, self.seconds, 1, SystemTime::now());
        decision.is_ok_and(|(allowed, _)| allowed)
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    let (burst, count, seconds) = match task.outcome {
        Outcome::Allowed | Outcome::Stale => (100_000_000, 1_000_000_000, 60),
        // With a burst of 1, throttlecrab denies no request.
        Outcome::Denied => (2, 1, 86_400),
    };
    let limiter = Mutex::new(RateLimiter::new(PeriodicStore::with_capacity(task.clients)));
    Box::new(Throttlecrab { limiter, burst, count, seconds })
}
