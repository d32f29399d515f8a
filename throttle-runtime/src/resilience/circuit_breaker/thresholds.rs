//! The numeric settings of a breaker: its thresholds, and how long it stays open.

use std::fmt;
use std::time::Duration;

use crate::util::random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// The number of failures in a row that opens the breaker.
    pub(super) failures: u32,
    /// The number of successful probes in a row that closes the breaker.
    pub(super) successes: u32,
    /// The length of the first opening, in microseconds.
    pub(super) recovery: u64,
    /// The factor by which each further opening in a row is longer than the previous one.
    pub(super) factor: u32,
    /// The maximum length of an opening, in microseconds.
    pub(super) longest: u64,
    /// The maximum percentage by which an opening is shortened at random.
    pub(super) jitter: u32,
}

impl Rules {
    pub(super) const NEW: Self =
        Self { failures: 5, successes: 2, recovery: 60_000_000, factor: 1, longest: u64::MAX, jitter: 0 };

    /// Returns the length of the first opening, before jitter, in microseconds.
    pub(super) fn first_wait(&self) -> u64 {
        self.recovery.min(self.longest)
    }

    /// Returns the maximum length of an opening, before jitter, in microseconds.
    pub(super) const fn longest_wait(&self) -> u64 {
        if self.factor > 1 || self.recovery > self.longest { self.longest } else { self.recovery }
    }

    /// Returns the length of the opening that follows one of `wait` microseconds, before jitter.
    pub(super) fn next_wait(&self, wait: u64) -> u64 {
        wait.saturating_mul(self.factor.into()).min(self.longest)
    }

    /// Returns `wait`, shortened at random, so that processes that lost the backend at the same moment do not
    /// probe it at the same moment.
    pub(super) fn jittered(&self, wait: u64) -> u64 {
        if self.jitter == 0 {
            return wait;
        }
        let most = u128::from(wait) * u128::from(self.jitter) / 100;
        let part = (u128::from(random::number()) * (most + 1)) >> u64::BITS;
        wait.saturating_sub(u64::try_from(part).unwrap_or(wait)).max(1)
    }
}

/// Converts to whole microseconds. Rounds up, so that a short duration does not become zero.
#[expect(clippy::cast_possible_truncation, reason = "checked in the line before")]
pub(super) const fn micros(duration: Duration) -> u64 {
    let micros = duration.as_nanos().div_ceil(1_000);
    if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, successes, factor, jitter, .. } = *self;
        let wait = Duration::from_micros(self.recovery);
        write!(f, "{failures} failure{}, {wait:?}", plural(failures))?;
        if factor > 1 {
            write!(f, " x{factor} up to {:?}", Duration::from_micros(self.longest))?;
        }
        if jitter > 0 {
            write!(f, " less {jitter}%")?;
        }
        write!(f, ", {successes} success{}", if successes == 1 { "" } else { "es" })
    }
}

const fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}
