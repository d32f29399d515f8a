//! Chance, for jitter and for names that nobody else has: not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A number that differs from call to call and from process to process: from the randomness that the standard library
/// seeds its maps with.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A random part of a time, so that those who met once do not meet again.
pub(crate) fn part(of: Duration) -> Duration {
    let micros = u64::try_from(of.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(number() % micros.saturating_add(1))
}

/// One of this many, by its index.
#[cfg(feature = "redis")]
pub(crate) fn index(of: usize) -> usize {
    let of = u64::try_from(of).unwrap_or(u64::MAX).max(1);
    usize::try_from(number() % of).unwrap_or_default()
}
