//! The crate trypema: a sliding window of buckets in a map. Alone because each measured crate has its file.

use std::sync::Arc;

use trypema::local::LocalRateLimiterProvider;
use trypema::{RateLimit, RateLimitDecision, RateLimiterBuilder, WindowSize};

use super::{Decide, Subject, Task};
use crate::memory::cell::Outcome;

struct Trypema {
    provider: Arc<LocalRateLimiterProvider>,
    rate: RateLimit,
}

impl Decide for Trypema {
    type Key = String;

    #[inline]
    fn decide(&self, key: &String) -> bool {
        matches!(self.provider.absolute().inc(key, &self.rate, 1), RateLimitDecision::Allowed)
    }
}

pub(super) fn make(task: &Task) -> Box<dyn Subject> {
    let (window, rate) = match task.outcome {
        Outcome::Allowed | Outcome::Stale => {
            (WindowSize::minutes_or_panic(1), RateLimit::per_minute_or_panic(1e9))
        }
        Outcome::Denied => (WindowSize::days_or_panic(1), RateLimit::per_day_or_panic(1.0)),
    };
    let provider = LocalRateLimiterProvider::builder().window_size(window).build();
    Box::new(Trypema { provider: provider.expect("the window is longer than a bucket"), rate })
}
