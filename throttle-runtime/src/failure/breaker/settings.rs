//! When a breaker opens and closes, as it is written in an attribute.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::Change;
use super::identity::Identity;
use super::rules::{Rules, micros};

/// When a circuit breaker opens and closes: the settings, which make a constant.
///
/// A breaker is closed until so many requests in a row have failed. Then it is open: the backend is left alone
/// for the recovery time. After that it is half-open: one request at a time goes through as a probe. Enough
/// successes in a row close it, one failure opens it again.
///
/// Values of one [name](Self::named) are one breaker. Without a name those are one that were made by the same
/// [`new`](Self::new) in the code: a `const` that two attributes use is one breaker, two that are written inline
/// are two.
///
/// ```
/// use std::time::Duration;
/// use throttle::CircuitBreaker;
///
/// const BREAKER: CircuitBreaker = CircuitBreaker::new()
///     .failure_threshold(3)
///     .recovery_timeout(Duration::from_secs(1))
///     .growth(2, Duration::from_secs(30))
///     .jitter(10);
/// assert_eq!(BREAKER.to_string(), "breaker(3 failures, 1s x2 up to 30s less 10%, 2 successes)");
/// assert_eq!(CircuitBreaker::new().to_string(), "breaker(5 failures, 60s, 2 successes)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CircuitBreaker {
    pub(super) rules: Rules,
    pub(super) identity: Identity,
    pub(super) on_change: Option<fn(&Change)>,
}

impl CircuitBreaker {
    /// Opens after 5 failures in a row, for 60 seconds, and closes after 2 successes in a row.
    #[track_caller]
    pub const fn new() -> Self {
        Self { rules: Rules::NEW, identity: Identity::At(Location::caller()), on_change: None }
    }

    /// How many failures in a row open it.
    ///
    /// # Panics
    ///
    /// If that is 0: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn failure_threshold(mut self, failures: u32) -> Self {
        assert!(
            failures > 0,
            "a breaker opens after at least 1 failure: write `failure_threshold(1)` or more"
        );
        self.rules.failures = failures;
        self
    }

    /// How long it stays open before a request may probe; in microseconds, rounded up.
    ///
    /// # Panics
    ///
    /// If that is zero: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn recovery_timeout(mut self, wait: Duration) -> Self {
        assert!(
            !wait.is_zero(),
            "a recovery time of zero leaves the backend no time: write `recovery_timeout(Duration::from_secs(1))`"
        );
        self.rules.recovery = micros(wait);
        self
    }

    /// How many successful probes in a row close it.
    ///
    /// # Panics
    ///
    /// If that is 0: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn success_threshold(mut self, successes: u32) -> Self {
        assert!(
            successes > 0,
            "a breaker closes after at least 1 success: write `success_threshold(1)` or more"
        );
        self.rules.successes = successes;
        self
    }

    /// Each opening that follows a failed probe lasts `factor` times as long as the one before; none lasts longer
    /// than `longest`, not even the first. Once closed, it begins with the recovery time again.
    ///
    /// # Panics
    ///
    /// If the factor is 0 or 1, or `longest` is zero: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn growth(mut self, factor: u32, longest: Duration) -> Self {
        assert!(
            factor > 1,
            "a factor of 0 or 1 is no growth: write `growth(2, ..)` or more, or leave it out"
        );
        assert!(
            !longest.is_zero(),
            "the longest recovery time is zero: write `growth(2, Duration::from_secs(600))`"
        );
        self.rules.factor = factor;
        self.rules.longest = micros(longest);
        self
    }

    /// Shortens each opening by chance, by up to so many percent, so that many processes that lost one backend
    /// do not come back to it at one moment.
    ///
    /// # Panics
    ///
    /// If that is above 100: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn jitter(mut self, percent: u32) -> Self {
        assert!(percent <= 100, "jitter is in percent: write `jitter(100)` or less");
        self.rules.jitter = percent;
        self
    }

    /// Names it, for events; all values of one name are one breaker, and have to say the same.
    ///
    /// # Panics
    ///
    /// If the name is blank: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn named(mut self, name: &'static str) -> Self {
        assert!(
            !name.trim_ascii().is_empty(),
            "the name of the breaker is blank: write one, or leave it out"
        );
        self.identity = Identity::Named(name);
        self
    }

    /// What is told of every [`Change`], after the event of `tracing`. It is called by the request that made the
    /// change, which waits for it and meets its panics; the breaker does not.
    ///
    /// ```
    /// use throttle::CircuitBreaker;
    /// use throttle::breaker::Change;
    ///
    /// fn count(change: &Change) {
    ///     println!("{} is {}", change.breaker, change.to);
    /// }
    ///
    /// const BREAKER: CircuitBreaker = CircuitBreaker::new().on_change(count);
    /// ```
    #[must_use]
    pub const fn on_change(mut self, hook: fn(&Change)) -> Self {
        self.on_change = Some(hook);
        self
    }
}

impl Default for CircuitBreaker {
    /// As [`new`](Self::new), whose place is where this is called.
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.identity {
            Identity::Named(name) => write!(f, "breaker({name}: {})", self.rules),
            Identity::At(_) => write!(f, "breaker({})", self.rules),
        }
    }
}
