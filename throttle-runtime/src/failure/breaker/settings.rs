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
    /// The backend through which instances share it.
    pub(crate) board: Option<&'static str>,
    pub(super) on_change: Option<fn(&Change)>,
}

impl CircuitBreaker {
    /// Opens after 5 failures in a row, for 60 seconds, and closes after 2 successes in a row.
    #[track_caller]
    pub const fn new() -> Self {
        Self { rules: Rules::NEW, identity: Identity::At(Location::caller()), board: None, on_change: None }
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

    /// Shares it with the breakers of this [name](Self::named) in other instances, through a backend of the registry
    /// that has a [`Board`](crate::backend::Board): `Redis`, `Memcached` or a [`Stored`](crate::backend::Stored). So
    /// what one instance has found out spares the others.
    ///
    /// - When one opens, those of the others open within half a second, for as long. An instance that starts
    ///   meanwhile opens with its first requests.
    /// - When that one closes again, the others may probe at once. If it has nobody who tries, they may a little later:
    ///   after as long again, and after two seconds at most.
    /// - Each instance counts its own failures and closes by its own probes. What
    ///   [operators](crate::Breaker::force_open) force is forced on one instance.
    /// - A task in the background leaves words there and reads them; no request waits for it. What is left there is
    ///   for how long, not until when, so clocks may differ.
    /// - While that backend is down, each instance goes on by itself, with one event at level WARN, and one at level INFO
    ///   when it is back. It may be the one that the breaker guards.
    ///
    /// A breaker without a name, and a backend that is not declared or has no board, are errors of the start.
    ///
    /// ```
    /// use throttle::{CircuitBreaker, Recovery, failover};
    ///
    /// const BREAKER: CircuitBreaker = CircuitBreaker::new().named("redis").shared("control");
    /// const ON_ERROR: Recovery = failover("memory", BREAKER);
    /// assert_eq!(BREAKER.to_string(), "breaker(redis on \"control\": 5 failures, 60s, 2 successes)");
    /// ```
    ///
    /// # Panics
    ///
    /// If the name of the backend is blank: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn shared(mut self, backend: &'static str) -> Self {
        assert!(
            !backend.trim_ascii().is_empty(),
            "the name of the backend that shares the breaker is blank: write that of one, or leave it out"
        );
        self.board = Some(backend);
        self
    }

    /// What is told of every [`Change`], after the event of `tracing`. It is called by the request that made the
    /// change, which waits for it and meets its panics; the breaker does not. Where another instance has made the
    /// change, that is a task in the background.
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
        f.write_str("breaker(")?;
        match (self.identity, self.board) {
            (Identity::Named(name), None) => write!(f, "{name}: ")?,
            (Identity::Named(name), Some(board)) => write!(f, "{name} on \"{board}\": ")?,
            (Identity::At(_), Some(board)) => write!(f, "on \"{board}\": ")?,
            (Identity::At(_), None) => {}
        }
        write!(f, "{})", self.rules)
    }
}
