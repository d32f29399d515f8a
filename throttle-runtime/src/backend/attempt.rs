//! Attempts of one decision, by which a backend recognises a charge that it has already made.
//!
//! Redis stores the token of a charge as one more state, and a store in the record of the identity. A token is
//! written together with its charge, or not at all. Decisions that are not retried after timeouts have no
//! token.

use std::time::Duration;

use crate::util::duration::micros;
use crate::util::random;

/// One attempt of a decision that may be retried after a timeout.
///
/// After a timeout, it is unknown whether the request was charged. All attempts of a
/// [retried](crate::Recovery::retry_on) decision carry the same idempotency token. A backend that
/// [recognises](super::Backend::recognises_retries) the token of an earlier charge returns the result of that
/// charge, and charges nothing. A denial charges nothing, so the retry of a denied decision is decided again.
///
/// ```
/// use std::time::Duration;
/// use throttle::backend::Attempt;
///
/// let first = Attempt::new(7, Duration::from_secs(10));
/// let second = first.retried();
/// assert!(!first.is_retry && second.is_retry);
/// assert_eq!(first.token, second.token);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The idempotency token: a random number that all attempts of one decision share.
    pub token: u64,
    /// Whether this attempt follows an earlier one.
    pub is_retry: bool,
    /// How long a backend remembers the token after the charge.
    pub lifetime: Duration,
}

impl Attempt {
    /// Creates the first attempt of a decision. No other decision may use the same token.
    pub const fn new(token: u64, lifetime: Duration) -> Self {
        Self { token, is_retry: false, lifetime }
    }

    /// Returns the next attempt of the same decision.
    #[must_use]
    pub const fn retried(self) -> Self {
        Self { is_retry: true, ..self }
    }

    /// Creates the first attempt of a decision whose last attempt begins within `budget`.
    pub(crate) fn within(budget: Duration) -> Self {
        Self::new(random::number(), budget.saturating_add(LATE))
    }

    /// Returns the lifetime in microseconds, at most `LONGEST`.
    pub(crate) fn lasts(&self) -> u64 {
        micros(self.lifetime).min(LONGEST)
    }
}

/// How long after its last possible start an attempt may still reach the store.
const LATE: Duration = Duration::from_secs(10);

/// The longest lifetime, in microseconds: about 17 years.
const LONGEST: u64 = 1 << 49;
