//! A bucket of tokens that refills at the rate.

use super::bucket::bucket_methods;
use super::{Strategy, backlog};
use crate::rate::Rate;

/// A bucket of tokens that starts full and refills evenly: `100/min` refills one token every 600 ms.
///
/// - **Admits** a request if the bucket contains at least as many tokens as the request costs.
/// - **Worst burst** over any time t: burst + t × limit / period units, rounded down.
/// - **State**: the time at which the bucket will be full again, exact to a fraction of a microsecond.
/// - **Wait**: until the missing tokens are refilled. This takes longer than a period if more tokens than the
///   limit are missing. A cost above the burst never fits.
/// - **Remaining** is the number of whole tokens. [`next_after`](crate::Quota::next_after) is when there is
///   one more token, and [`reset_after`](crate::Quota::reset_after) is when the bucket is full.
///
/// Use it where clients may save up: short bursts are allowed as long as the average is within the limit.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, State, Strategy, TokenBucket}};
///
/// let bucket = TokenBucket::new().burst(25);
/// let step = bucket.step(&State::EMPTY, &Arrival::new(Rate::per_minute(10), 25, 0));
/// assert_eq!((step.quota.fits(), step.quota.remaining()), (true, 0));
/// assert_eq!(step.quota.next_after().as_secs(), 6);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBucket {
    burst: Option<u64>,
}

impl TokenBucket {
    /// Creates a bucket as large as the limit.
    pub const fn new() -> Self {
        Self { burst: None }
    }

    /// Sets how many tokens the bucket holds.
    ///
    /// # Default
    ///
    /// The limit.
    ///
    /// # Panics
    ///
    /// If `tokens` is 0. In a constant, this is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn burst(self, tokens: u64) -> Self {
        assert!(tokens > 0, "a burst of 0 rejects every request: write at least 1");
        Self { burst: Some(tokens) }
    }

    pub(super) fn size(self, rate: Rate) -> u64 {
        self.burst.unwrap_or_else(|| rate.limit())
    }

    fn capacity(&self, rate: Rate) -> u128 {
        backlog::capacity(self.size(rate), rate)
    }
}

impl Strategy for TokenBucket {
    fn name(&self) -> &'static str {
        "token-bucket"
    }

    bucket_methods!();
}
