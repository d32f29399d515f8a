//! Chance, so that those who met once do not meet again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A random part of a time.
pub(super) fn part(of: Duration) -> Duration {
    let micros = u64::try_from(of.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(number() % micros.saturating_add(1))
}

/// One of this many, by its index.
pub(super) fn index(of: usize) -> usize {
    let of = u64::try_from(of).unwrap_or(u64::MAX).max(1);
    usize::try_from(number() % of).unwrap_or_default()
}

pub(super) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}
