//! The crate limitador: expressions select limits and counters. Alone because each measured crate has its file.

use std::collections::HashMap;

use limitador::RateLimiter;
use limitador::limit::{Context, Limit, Namespace};

use super::{Decide, Subject, Task};
use crate::memory::cell::Outcome;

struct Limitador {
    limiter: RateLimiter,
    namespace: Namespace,
}

impl Decide for Limitador {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        let context = Context::from(HashMap::from([("user".to_owned(), key.clone())]));
        let result = self.limiter.check_rate_limited_and_update(&self.namespace, &context, 1);
        result.is_ok_and(|result| !result.limited)
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    let (limit, seconds) = match task.outcome {
        Outcome::Allowed | Outcome::Stale => (1_000_000_000_000, 60),
        Outcome::Denied => (1, 86_400),
    };
    let user = "user".try_into().expect("a name is an expression");
    // The capacity is larger than needed, because limitador evicts live counters when it is full.
    let limiter = RateLimiter::new(4 * task.clients.max(1_000) as u64);
    limiter.add_limit(Limit::new("bench", limit, seconds, vec![], vec![user]));
    Box::new(Limitador { limiter, namespace: "bench".into() })
}
