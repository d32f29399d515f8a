//! A bucket that requests fill and that drains over time.

use super::{Arrival, Plan, State, Step, Strategy, Summary, Usage, backlog, summary};
use crate::Rate;

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

impl Strategy for LeakyBucket {
    fn name(&self) -> &'static str {
        "leaky-bucket"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        backlog::step(state, arrival, backlog::capacity(arrival.rate.limit(), arrival.rate))
    }

    fn plan(&self, rate: Rate) -> Option<Plan> {
        Plan::backlog(backlog::capacity(rate.limit(), rate), rate)
    }

    #[cfg(feature = "redis")]
    fn script(&self, arrival: &Arrival) -> Option<super::Script> {
        backlog::script(arrival, backlog::capacity(arrival.rate.limit(), arrival.rate))
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        backlog::refund(state, arrival, elapsed)
    }

    fn summary(&self) -> Summary {
        Summary::Backlog
    }

    fn inherit(&self, usages: &[Usage], arrival: &Arrival) -> State {
        summary::backlog(self, usages, arrival)
    }
}
