//! Asking the same backend again.

use std::fmt;
use std::time::Duration;

use super::Kinds;
use crate::BackendError;
use crate::random;

/// How often, and after which waits, a failed request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) max: u32,
    pub(crate) delay: Duration,
    pub(crate) multiplier: u32,
    pub(crate) jitter: bool,
    pub(crate) on: Kinds,
}

impl Retry {
    /// No wait is longer than that, whatever multiplies it.
    const LONGEST: Duration = Duration::from_secs(60);

    pub(crate) const fn new(max: u32) -> Self {
        let delay = Duration::from_millis(100);
        Self { max, delay, multiplier: 2, jitter: false, on: Kinds::STORE }
    }

    /// Whether a request that failed so is sent again. What may have been charged is not: nobody could tell
    /// whether it was, and it would be charged twice.
    pub(crate) fn applies(&self, error: &BackendError) -> bool {
        error.is_nothing_charged() && self.on.has(error.kind())
    }

    /// The wait before a retry, the first of which is number 0.
    pub(crate) fn wait(&self, retry: u32) -> Duration {
        let longest = self.longest(retry);
        if self.jitter { random::part(longest) } else { longest }
    }

    /// All waits added up, at the longest.
    pub(crate) fn waits(&self) -> Duration {
        (0..self.max).map(|retry| self.longest(retry)).fold(Duration::ZERO, Duration::saturating_add)
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
    use crate::{BackendError, ErrorKind};

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
        assert!(!Retry::new(1).applies(&lost));
        assert!(Retry::new(1).applies(&lost.nothing_charged()));
    }
}
