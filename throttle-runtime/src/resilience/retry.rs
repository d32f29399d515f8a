//! Retries on the same backend.

use std::fmt;
use std::time::Duration;

use super::Kinds;
use crate::error::BackendError;
use crate::util::random;

/// How often, and after which waits, a failed request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) max: u32,
    pub(crate) delay: Duration,
    pub(crate) multiplier: u32,
    pub(crate) jitter: bool,
    pub(crate) on: Kinds,
    /// Whether the settings name timeouts, after which a request may have been charged.
    pub(crate) names_timeouts: bool,
}

impl Retry {
    /// The upper bound of a wait that grows by the multiplier. A `delay` that is longer stays as configured.
    const LONGEST: Duration = Duration::from_secs(60);

    pub(crate) const fn new(max: u32) -> Self {
        let delay = Duration::from_millis(100);
        Self { max, delay, multiplier: 2, jitter: false, on: Kinds::STORE, names_timeouts: false }
    }

    /// Returns whether a request that failed with this error is sent again. A request that may have been
    /// charged is sent again only if the backend recognises it; otherwise, it could be charged twice.
    pub(crate) fn applies(&self, error: &BackendError, is_recognised: bool) -> bool {
        (error.is_safe_to_retry() || is_recognised) && self.on.has(error.kind())
    }

    /// Returns the wait before a retry. The first retry is number 0.
    pub(crate) fn wait(&self, retry: u32) -> Duration {
        let longest = self.longest(retry);
        if self.jitter { random::part(longest) } else { longest }
    }

    /// Returns the maximum sum of all waits.
    pub(crate) fn waits(&self) -> Duration {
        let mut sum = Duration::ZERO;
        for retry in 0..self.max {
            let wait = self.longest(retry);
            // From here on, all waits are equally long. A loop over all of them could take seconds.
            if wait == self.longest(retry.saturating_add(1)) {
                return sum.saturating_add(wait.saturating_mul(self.max - retry));
            }
            sum = sum.saturating_add(wait);
        }
        sum
    }

    fn longest(&self, retry: u32) -> Duration {
        let factor = self.multiplier.saturating_pow(retry);
        self.delay.saturating_mul(factor).min(Self::LONGEST.max(self.delay))
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max, delay, multiplier, jitter, .. } = self;
        write!(f, "retry({max}, {delay:?}, x{multiplier}{})", if *jitter { ", jitter" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Retry;
    use crate::error::{BackendError, ErrorKind};

    fn millis(retry: Retry) -> Vec<u128> {
        (0..retry.max).map(|index| retry.wait(index).as_millis()).collect()
    }

    #[test]
    fn b048_waits_double() {
        assert_eq!(millis(Retry::new(3)), [100, 200, 400]);
        assert_eq!(Retry::new(3).waits(), Duration::from_millis(700));
        assert_eq!(millis(Retry { multiplier: 1, ..Retry::new(3) }), [100, 100, 100]);
        assert_eq!(Retry::new(60).wait(59), Duration::from_secs(60));
    }

    /// The test measures no time: with a loop over all retries, each of these assertions would take seconds.
    #[test]
    fn f38_any_number_of_retries_settles_in_a_few_steps() {
        let of = |multiplier, delay| {
            let retry = Retry { multiplier, delay: Duration::from_nanos(delay), ..Retry::new(u32::MAX) };
            retry.waits()
        };
        let most = u64::from(u32::MAX);
        let (second, day) = (1_000_000_000, 86_400_000_000_000);
        assert_eq!(of(1, second), Duration::from_secs(most));
        assert_eq!(of(2, 0), Duration::ZERO);
        assert_eq!(of(2, second), Duration::from_secs(63 + (most - 6) * 60));
        assert_eq!(of(u32::MAX, 1), Duration::from_nanos(1 + most * (most - 1)));
        assert_eq!(of(7, day), Duration::from_secs(86_400 * most), "a longer delay stays what it is");
        assert_eq!(of(3, 100_000_000).as_secs(), (most - 6) * 60 + 36);
    }

    /// `waits`, which stops early, equals the sum of all waits.
    #[test]
    fn f38_the_sum_is_that_of_all_waits() {
        for multiplier in [1, 2, 3, 10, 1_000, u32::MAX] {
            for delay in [0, 1, 999, 1_000_000, 59_999_999_999, 60_000_000_000, 61_000_000_000] {
                for max in 0..80 {
                    let retry = Retry { multiplier, delay: Duration::from_nanos(delay), ..Retry::new(max) };
                    let all: Duration = (0..max).map(|retry_number| retry.longest(retry_number)).sum();
                    assert_eq!(retry.waits(), all, "{retry:?}");
                }
            }
        }
    }

    #[test]
    fn jitter_only_shortens() {
        let retry = Retry { jitter: true, ..Retry::new(3) };
        let waits: Vec<_> = (0..100).map(|_| retry.wait(2)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(400)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }

    #[test]
    fn what_may_have_been_charged_is_not_sent_again() {
        let lost = BackendError::new(ErrorKind::Connection, "lost");
        assert!(!Retry::new(1).applies(&lost, false));
        assert!(Retry::new(1).applies(&lost, true));
        assert!(Retry::new(1).applies(&lost.safe_to_retry(), false));
    }
}
