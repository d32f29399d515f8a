//! A bucket of tokens that may be overdrawn.

use super::bucket::bucket_methods;
use super::{Strategy, TokenBucket, backlog};
use crate::rate::Rate;

/// A [`TokenBucket`] that may be overdrawn by a debt. The refill pays the debt back first.
///
/// - **Admits** a request if the debt after the request is within [`max_debt`](Self::max_debt).
/// - **Worst burst** over any time t: burst + debt + t × limit / period units, rounded down.
/// - **State**: the time at which the bucket will be full again, exact to a fraction of a microsecond.
/// - **Wait**: until the refill has paid for the request. This takes longer than a period if more than the
///   limit must be paid. A cost above burst + debt never fits.
/// - **Remaining** is what fits now: the whole tokens plus the unused debt.
///   [`next_after`](crate::Quota::next_after) is when there is one more, and
///   [`reset_after`](crate::Quota::reset_after) is when the bucket is full and the debt is paid.
///
/// Use it where a client that has begun its work should be able to finish, and pay later.
///
/// ```
/// use throttle::{Rate, strategy::{Arrival, State, Strategy, TokenBucketWithDebt}};
///
/// let bucket = TokenBucketWithDebt::new().burst(10).max_debt(5);
/// let step = bucket.step(&State::EMPTY, &Arrival::new(Rate::per_minute(10), 15, 0));
/// assert_eq!((step.quota.fits(), step.quota.remaining()), (true, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBucketWithDebt {
    bucket: TokenBucket,
    max_debt: u64,
}

impl TokenBucketWithDebt {
    /// Creates a bucket as large as the limit, without debt.
    pub const fn new() -> Self {
        Self { bucket: TokenBucket::new(), max_debt: 0 }
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
    pub const fn burst(mut self, tokens: u64) -> Self {
        self.bucket = self.bucket.burst(tokens);
        self
    }

    /// Sets by how many tokens the bucket may be overdrawn.
    ///
    /// # Default
    ///
    /// 0.
    #[must_use]
    pub const fn max_debt(mut self, tokens: u64) -> Self {
        self.max_debt = tokens;
        self
    }

    fn capacity(&self, rate: Rate) -> u128 {
        backlog::capacity(self.bucket.size(rate).saturating_add(self.max_debt), rate)
    }
}

impl Strategy for TokenBucketWithDebt {
    fn name(&self) -> &'static str {
        "token-bucket-with-debt"
    }

    bucket_methods!();
}
