//! Attempts of one decision, by which a backend recognises a charge that it has made already.

use std::time::Duration;

use crate::random;

/// An attempt of a decision that may be retried after a timeout.
///
/// After a timeout, the charge is in doubt. If the decision is [retried](crate::Recovery::retry_on), all of its attempts have
/// the same idempotency token. A backend that [recognises](super::Backend::recognises_retries) the token of a charge that it
/// has made answers as it did then, and charges nothing. A denial charges nothing, so the retry of a denied decision is
/// decided anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The idempotency token: a random number that all attempts of a decision share.
    pub token: u64,
    /// Whether other attempts were made before this one.
    pub is_retry: bool,
    /// For how long a backend remembers the token after the charge.
    pub lifetime: Duration,
}

impl Attempt {
    /// The first attempt of a decision by a token that no other decision has.
    ///
    /// ```
    /// use std::time::Duration;
    /// use throttle::backend::Attempt;
    ///
    /// let first = Attempt::new(7, Duration::from_secs(10));
    /// assert!(!first.is_retry && first.retried().is_retry);
    /// ```
    pub const fn new(token: u64, lifetime: Duration) -> Self {
        Self { token, is_retry: false, lifetime }
    }

    /// Another attempt of the same decision.
    #[must_use]
    pub const fn retried(self) -> Self {
        Self { is_retry: true, ..self }
    }

    /// The first attempt of a decision whose last attempt begins within `budget`.
    pub(crate) fn within(budget: Duration) -> Self {
        Self::new(random::number(), budget.saturating_add(LATE))
    }

    /// The lifetime in microseconds.
    pub(crate) fn lasts(&self) -> u64 {
        u64::try_from(self.lifetime.as_micros()).unwrap_or(u64::MAX).min(LONGEST)
    }
}

/// How much later than its last moment an attempt may reach the store.
const LATE: Duration = Duration::from_secs(10);

/// The longest lifetime, in microseconds: about 17 years.
const LONGEST: u64 = 1 << 49;
