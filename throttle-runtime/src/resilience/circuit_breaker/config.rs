//! The settings of a circuit breaker, as written in an attribute.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::Transition;
use super::thresholds::{Rules, micros};

/// The identity of a breaker: a chosen name, or else the source location of its settings. A constant that two
/// attributes use is one breaker. Settings that two attributes contain inline are two breakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Named(&'static str),
    At(&'static Location<'static>),
}

/// The settings of a circuit breaker: when it opens and when it closes. They can be a constant.
///
/// - **Closed**: all requests reach the backend. After [`failure_threshold`](Self::failure_threshold) failures
///   in a row, the breaker opens.
/// - **Open**: no request reaches the backend for the [recovery time](Self::recovery_timeout). Then the next
///   request makes the breaker half-open.
/// - **Half-open**: one request at a time reaches the backend as a probe. After
///   [`success_threshold`](Self::success_threshold) successes in a row, the breaker closes. One failure opens
///   it again.
///
/// Settings with the same [name](Self::named) are one breaker. Settings without a name are one breaker if they
/// come from the same call of [`new`](Self::new) in the code. A `const` that two attributes use is one breaker.
/// Settings that two attributes contain inline are two breakers.
///
/// ```
/// use std::time::Duration;
/// use throttle::CircuitBreaker;
///
/// const BREAKER: CircuitBreaker = CircuitBreaker::new()
///     .named("redis")
///     .failure_threshold(3)
///     .recovery_timeout(Duration::from_secs(1))
///     .success_threshold(1)
///     .growth(2, Duration::from_secs(30))
///     .jitter(10);
/// assert_eq!(BREAKER.to_string(), "breaker(redis: 3 failures, 1s x2 up to 30s less 10%, 1 success)");
/// assert_eq!(CircuitBreaker::new().to_string(), "breaker(5 failures, 60s, 2 successes)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CircuitBreaker {
    pub(super) rules: Rules,
    pub(super) identity: Identity,
    /// The backend through which instances share the breaker.
    pub(crate) shared_by: Option<&'static str>,
    pub(super) on_transition: Option<fn(&Transition)>,
}

impl CircuitBreaker {
    /// Creates settings with the defaults.
    ///
    /// # Default
    ///
    /// | setting | default |
    /// |---|---|
    /// | [`failure_threshold`](Self::failure_threshold) | 5 |
    /// | [`recovery_timeout`](Self::recovery_timeout) | 60 seconds |
    /// | [`success_threshold`](Self::success_threshold) | 2 |
    /// | [`growth`](Self::growth) | none: all openings have the same length |
    /// | [`jitter`](Self::jitter) | 0 % |
    /// | [`named`](Self::named) | the file and line of the settings |
    /// | [`shared`](Self::shared) | not shared |
    /// | [`on_transition`](Self::on_transition) | no hook |
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            rules: Rules::NEW,
            identity: Identity::At(Location::caller()),
            shared_by: None,
            on_transition: None,
        }
    }

    /// Sets the number of failures in a row that opens the breaker.
    ///
    /// # Default
    ///
    /// 5
    ///
    /// # Panics
    ///
    /// If `failures` is 0. In a constant, this is a compile-time error.
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

    /// Sets how long the breaker stays open before a request may probe. The value is rounded up to whole
    /// microseconds.
    ///
    /// # Default
    ///
    /// 60 seconds
    ///
    /// # Panics
    ///
    /// If `wait` is zero. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn recovery_timeout(mut self, wait: Duration) -> Self {
        assert!(
            !wait.is_zero(),
            "a recovery timeout of zero is invalid: write `recovery_timeout(Duration::from_secs(1))`"
        );
        self.rules.recovery = micros(wait);
        self
    }

    /// Sets the number of successful probes in a row that closes the breaker.
    ///
    /// # Default
    ///
    /// 2
    ///
    /// # Panics
    ///
    /// If `successes` is 0. In a constant, this is a compile-time error.
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

    /// Makes each opening after a failed probe `factor` times as long as the previous one. No opening is longer
    /// than `longest`, not even the first one. After the breaker has closed, the next opening lasts for the
    /// recovery time again.
    ///
    /// # Default
    ///
    /// No growth: all openings have the same length.
    ///
    /// # Panics
    ///
    /// If `factor` is 0 or 1, or if `longest` is zero. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn growth(mut self, factor: u32, longest: Duration) -> Self {
        assert!(
            factor > 1,
            "a growth factor of 0 or 1 has no effect: write `growth(2, ..)` or more, or remove it"
        );
        assert!(
            !longest.is_zero(),
            "the longest recovery time is zero: write `growth(2, Duration::from_secs(600))`"
        );
        self.rules.factor = factor;
        self.rules.longest = micros(longest);
        self
    }

    /// Shortens each opening at random, by up to `percent` percent, so that many processes that lost the same
    /// backend do not probe it at the same moment.
    ///
    /// # Default
    ///
    /// 0: no jitter.
    ///
    /// # Panics
    ///
    /// If `percent` is above 100. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn jitter(mut self, percent: u32) -> Self {
        assert!(percent <= 100, "jitter is in percent: write `jitter(100)` or less");
        self.rules.jitter = percent;
        self
    }

    /// Sets the name of the breaker, which also appears in events. All settings with the same name are one
    /// breaker, and must be equal.
    ///
    /// # Default
    ///
    /// The file and line of the settings.
    ///
    /// # Panics
    ///
    /// If the name is blank. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn named(mut self, name: &'static str) -> Self {
        assert!(
            !name.trim_ascii().is_empty(),
            "the name of the breaker is blank: write a name, or remove the call"
        );
        self.identity = Identity::Named(name);
        self
    }

    /// Shares the breaker with the breakers of the same [name](Self::named) in other instances, so that one
    /// instance's failures protect the others. `backend` is the name of a backend in the registry that has a
    /// [`CoordinationStore`](crate::backend::CoordinationStore): `Redis`, `Memcached` or a
    /// [`StoreBackend`](crate::backend::StoreBackend).
    ///
    /// - When a breaker opens, the breakers of the other instances open within half a second, for the remaining
    ///   time of that opening, but no longer than their own longest opening. An instance that starts meanwhile
    ///   opens its breaker with its first requests.
    /// - When that breaker closes, the other instances may probe as soon as they have read this, within half a
    ///   second. If its instance receives no requests and does not probe, the others may probe a little later:
    ///   after the same time again, and after at most two more seconds.
    /// - Each instance counts its own failures and closes its breaker by its own probes. An [operator
    ///   command](crate::Breaker::force_open) applies to one instance only.
    /// - A background task writes and reads the shared openings; no request waits for it. A shared opening
    ///   contains a duration and no point in time, so clocks may differ.
    /// - While the backend is unreachable, each instance works independently. One event at level WARN reports
    ///   this, and one at level INFO reports the recovery. The backend may be the one that the breaker guards.
    ///
    /// A breaker without a name is rejected at startup. So is a backend that is not declared, or that has no
    /// [`CoordinationStore`](crate::backend::CoordinationStore).
    ///
    /// ```
    /// use throttle::{CircuitBreaker, Recovery, failover};
    ///
    /// const BREAKER: CircuitBreaker = CircuitBreaker::new().named("redis").shared("control");
    /// const ON_ERROR: Recovery = failover("memory", BREAKER);
    /// assert_eq!(BREAKER.to_string(), "breaker(redis on \"control\": 5 failures, 60s, 2 successes)");
    /// ```
    ///
    /// # Default
    ///
    /// Not shared.
    ///
    /// # Panics
    ///
    /// If the name of the backend is blank. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn shared(mut self, backend: &'static str) -> Self {
        assert!(
            !backend.trim_ascii().is_empty(),
            "the name of the backend that shares the breaker is blank: write a name, or remove the call"
        );
        self.shared_by = Some(backend);
        self
    }

    /// Sets a hook that is called for every [`Transition`], after the event of `tracing`.
    ///
    /// The request that causes the change calls the hook: it waits for the hook, and a panic of the hook
    /// unwinds into that request. The breaker stays consistent. If another instance caused the change, a
    /// background task calls the hook.
    ///
    /// ```
    /// use throttle::CircuitBreaker;
    /// use throttle::breaker::Transition;
    ///
    /// fn count(change: &Transition) {
    ///     println!("{} is {}", change.breaker, change.to);
    /// }
    ///
    /// const BREAKER: CircuitBreaker = CircuitBreaker::new().on_transition(count);
    /// ```
    ///
    /// # Default
    ///
    /// No hook.
    #[must_use]
    pub const fn on_transition(mut self, hook: fn(&Transition)) -> Self {
        self.on_transition = Some(hook);
        self
    }
}

impl Default for CircuitBreaker {
    /// Same as [`new`](Self::new). The source location is that of the call of `default`.
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("breaker(")?;
        match (self.identity, self.shared_by) {
            (Identity::Named(name), None) => write!(f, "{name}: ")?,
            (Identity::Named(name), Some(backend)) => write!(f, "{name} on \"{backend}\": ")?,
            (Identity::At(_), Some(backend)) => write!(f, "on \"{backend}\": ")?,
            (Identity::At(_), None) => {}
        }
        write!(f, "{})", self.rules)
    }
}
