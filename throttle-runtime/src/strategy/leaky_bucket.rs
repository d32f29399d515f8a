//! A bucket that requests fill and that drains over time.

use super::bucket::bucket_methods;
use super::{Strategy, backlog};
use crate::rate::Rate;

/// A bucket of the size of the limit. Requests fill it, and it leaks evenly: `10/s` leaks one unit every 100
/// ms.
///
/// - **Admits** a request if the bucket does not overflow.
/// - **Worst burst** over any time t: limit + t × limit / period units, rounded down.
/// - **State**: the time at which the bucket will be empty, exact to a fraction of a microsecond.
/// - **Wait**: until enough has leaked. A cost above the limit never fits.
/// - **Remaining** is what still fits into the bucket. [`next_after`](crate::Quota::next_after) is when one
///   more unit fits, and [`reset_after`](crate::Quota::reset_after) is when the bucket is empty.
///
/// As a meter, it decides like a [`TokenBucket`](super::TokenBucket) of the same size. Use it where you think
/// of load that drains, and not of an allowance that clients save up.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, LeakyBucket, State, Strategy}};
///
/// let step = LeakyBucket.step(&State::EMPTY, &Arrival::new(Rate::per_second(10), 10, 0));
/// let step = LeakyBucket.step(&step.state, &Arrival::new(Rate::per_second(10), 2, 0));
/// assert_eq!(step.quota.retry_after().map(|wait| wait.as_millis()), Some(200));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeakyBucket;

impl LeakyBucket {
    #[expect(clippy::unused_self, reason = "`bucket_methods` calls it so")]
    const fn capacity(self, rate: Rate) -> u128 {
        backlog::capacity(rate.limit(), rate)
    }
}

impl Strategy for LeakyBucket {
    fn name(&self) -> &'static str {
        "leaky-bucket"
    }

    bucket_methods!();
}
