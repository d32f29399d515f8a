//! Random numbers, for jitter and for unique names, not for secrets. Alone because nothing else here is random.

use crate::util::duration::micros;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Returns a number that differs between calls and between processes. It comes from the randomness with which
/// the standard library seeds its maps.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns a random part of a duration, so that callers that collided once do not collide again.
pub(crate) fn part(of: Duration) -> Duration {
    let micros = micros(of);
    Duration::from_micros(number() % micros.saturating_add(1))
}

/// Returns a random index below `of`.
#[cfg(feature = "redis")]
pub(crate) fn index(of: usize) -> usize {
    let of = u64::try_from(of).unwrap_or(u64::MAX).max(1);
    usize::try_from(number() % of).unwrap_or_default()
}
