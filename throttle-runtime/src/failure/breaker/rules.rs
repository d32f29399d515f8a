//! The numbers of a breaker: after how many failures it opens, and for how long.

use std::fmt;
use std::time::Duration;

use crate::random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Failures in a row that open it.
    pub(super) failures: u32,
    /// Successful probes in a row that close it.
    pub(super) successes: u32,
    /// How long the first opening lasts, in microseconds.
    pub(super) recovery: u64,
    /// How much longer each further opening in a row is than the one before.
    pub(super) factor: u32,
    /// How long no opening is longer than, in microseconds.
    pub(super) longest: u64,
    /// Up to how many percent of an opening chance takes away.
    pub(super) jitter: u32,
}

impl Rules {
    pub(super) const NEW: Self =
        Self { failures: 5, successes: 2, recovery: 60_000_000, factor: 1, longest: u64::MAX, jitter: 0 };

    /// How long the first opening lasts, before jitter, in microseconds.
    pub(super) fn first_wait(&self) -> u64 {
        self.recovery.min(self.longest)
    }

    /// What no opening is longer than, before jitter, in microseconds.
    pub(super) const fn longest_wait(&self) -> u64 {
        if self.factor > 1 || self.recovery > self.longest { self.longest } else { self.recovery }
    }

    /// How long the opening after one of `wait` lasts.
    pub(super) fn next_wait(&self, wait: u64) -> u64 {
        wait.saturating_mul(self.factor.into()).min(self.longest)
    }

    /// The wait without what chance takes away, so that processes that lost the backend at one moment do not
    /// come back at one moment.
    pub(super) fn jittered(&self, wait: u64) -> u64 {
        if self.jitter == 0 {
            return wait;
        }
        let most = u128::from(wait) * u128::from(self.jitter) / 100;
        let part = (u128::from(random::number()) * (most + 1)) >> u64::BITS;
        wait.saturating_sub(u64::try_from(part).unwrap_or(wait)).max(1)
    }
}

/// In whole microseconds, rounded up, so that no time becomes none.
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
