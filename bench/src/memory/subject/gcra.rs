//! The crate gcra: a sharded map with locks, keys by value. Alone because each measured crate has its file.

use std::time::Duration;

use gcra::{RateLimit, RateLimiter};

use super::{Decide, Subject, Task};
use crate::memory::cell::Outcome;
use crate::poll::at_once;

struct Gcra {
    limiter: RateLimiter<String>,
    limit: RateLimit,
}

impl Decide for Gcra {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        at_once(self.limiter.check(key.clone(), &self.limit, 1)).is_ok()
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    let limit = match task.outcome {
        Outcome::Allowed | Outcome::Stale => RateLimit::new(1_000_000_000, Duration::from_mins(1)),
        Outcome::Denied => RateLimit::new(1, Duration::from_hours(24)),
    };
    Box::new(Gcra { limiter: RateLimiter::new(task.clients), limit })
}
