//! Retry, fallback and circuit breaker: the recovery after a failed decision.

use std::fmt;
use std::time::Duration;

use super::retry::Retry;
use super::{CircuitBreaker, Kinds, OnError, Share};
use crate::error::ErrorKind;

/// The recovery after a failure of a backend. The steps are taken in this order:
///
/// 1. The same backend is retried.
/// 2. The fallback backend decides.
/// 3. [`otherwise`](Self::otherwise) decides what happens to the request.
///
/// While a backend is unreachable, a [circuit breaker](CircuitBreaker) keeps requests away from it.
///
/// A `Recovery` is a value of `on_error`, in the attribute and in code. It begins with [`retry`], [`fallback`]
/// or [`failover`]:
///
/// ```
/// use std::time::Duration;
/// use throttle::{CircuitBreaker, ErrorKind, Recovery, failover, fallback, retry};
///
/// const BLIPS: Recovery = retry(3).delay(Duration::from_millis(10)).otherwise("allow");
/// const STANDBY: Recovery = fallback("memory").fallback_on(&[ErrorKind::Connection, ErrorKind::Timeout]);
/// const BOTH: Recovery = failover("memory", CircuitBreaker::new()).share(1, 3);
/// assert_eq!(
///     BOTH.to_string(),
///     "breaker(5 failures, 60s, 2 successes), retry(2, 50ms, x2), fallback(\"memory\", 1/3), raise"
/// );
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Recovery {
    pub(crate) retry: Option<Retry>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) otherwise: OnError,
}

/// The fallback backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fallback {
    pub(crate) name: &'static str,
    pub(crate) on: Kinds,
    pub(crate) share: Share,
}

/// Retries a failed request on the same backend, up to `max_retries` times.
///
/// A request is sent again only if the failed attempt certainly charged nothing, or if the backend recognises
/// the retry ([`retry_on`](Recovery::retry_on)). Therefore, one request is never charged twice. See
/// [`BackendError::safe_to_retry`](crate::BackendError::safe_to_retry).
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`delay`](Recovery::delay) | 100 ms |
/// | [`multiplier`](Recovery::multiplier) | 2, so the waits are 100 ms, 200 ms, 400 ms and so on |
/// | [`jitter`](Recovery::jitter) | off |
/// | [`retry_on`](Recovery::retry_on) | all kinds of errors of a store, if nothing was charged |
/// | [`otherwise`](Recovery::otherwise) | `"raise"` |
///
/// ```
/// use throttle::{retry, throttle};
///
/// #[throttle(rate = "100/min", on_error = retry(3))]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
pub const fn retry(max_retries: u32) -> Recovery {
    Recovery { retry: Some(Retry::new(max_retries)), ..Recovery::RAISE }
}

/// Falls back to another backend for the same key, limits and cost. `backend` is the name of the backend in the
/// registry.
///
/// ```
/// use throttle::{fallback, throttle};
///
/// #[throttle(rate = "100/min", backend = "redis", on_error = fallback("memory"))]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`retries`](Recovery::retries) | 0 |
/// | [`fallback_on`](Recovery::fallback_on) | all kinds of errors of a store |
/// | [`share`](Recovery::share) | the whole limit |
/// | [`breaker`](Recovery::breaker) | no breaker |
/// | [`otherwise`](Recovery::otherwise) | `"raise"` |
///
/// # Panics
///
/// If the name is blank. In a constant, this is a compile-time error.
#[track_caller]
pub const fn fallback(backend: &'static str) -> Recovery {
    assert!(!backend.trim_ascii().is_empty(), "the name of the fallback is blank: write that of a backend");
    let fallback = Fallback { name: backend, on: Kinds::STORE, share: Share::WHOLE };
    Recovery { fallback: Some(fallback), ..Recovery::RAISE }
}

/// Retries the backend twice, after 50 ms and 100 ms, and then falls back to another backend. While the breaker
/// is open, requests go directly to the fallback. Recommended for production.
///
/// ```
/// use std::time::Duration;
/// use throttle::{CircuitBreaker, failover, throttle};
///
/// #[throttle(
///     rate = "100/min",
///     backend = "redis",
///     on_error = failover("memory", CircuitBreaker::new().failure_threshold(5).recovery_timeout(Duration::from_secs(30))),
/// )]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`retries`](Recovery::retries) | 2 |
/// | [`delay`](Recovery::delay) | 50 ms |
///
/// The other defaults are those of [`retry`] and [`fallback`].
///
/// # Panics
///
/// If the name is blank. In a constant, this is a compile-time error.
#[track_caller]
pub const fn failover(backend: &'static str, breaker: CircuitBreaker) -> Recovery {
    let retry = Retry { delay: Duration::from_millis(50), ..Retry::new(2) };
    Recovery { retry: Some(retry), breaker: Some(breaker), ..fallback(backend) }
}

impl Recovery {
    /// No retry, no fallback and no breaker: the error is propagated.
    const RAISE: Self = Self { retry: None, fallback: None, breaker: None, otherwise: OnError::Raise };

    /// Sets how often a request is sent again; 0 disables retries.
    ///
    /// ```
    /// use throttle::{CircuitBreaker, Recovery, failover};
    ///
    /// const WITHOUT_RETRIES: Recovery = failover("memory", CircuitBreaker::new()).retries(0);
    /// assert_eq!(
    ///     WITHOUT_RETRIES.to_string(),
    ///     "breaker(5 failures, 60s, 2 successes), fallback(\"memory\"), raise"
    /// );
    /// ```
    ///
    /// # Default
    ///
    /// 2 for [`failover`], and 0 for [`fallback`]. [`retry`] takes the number as its argument.
    #[must_use]
    pub const fn retries(mut self, max: u32) -> Self {
        self.retry = Some(Retry { max, ..self.retries_or_none() });
        self
    }

    /// Sets the wait before the first retry.
    ///
    /// # Default
    ///
    /// 50 ms for [`failover`], else 100 ms.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.retry = Some(Retry { delay, ..self.retries_or_none() });
        self
    }

    /// Sets the factor by which each wait is longer than the previous one. A wait grows to at most one minute.
    ///
    /// ```
    /// use throttle::retry;
    ///
    /// assert_eq!(retry(3).multiplier(1).to_string(), "retry(3, 100ms, x1), raise");
    /// ```
    ///
    /// # Default
    ///
    /// 2
    ///
    /// # Panics
    ///
    /// If the multiplier is 0. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn multiplier(mut self, multiplier: u32) -> Self {
        assert!(multiplier > 0, "a multiplier of 0 retries without a wait: write 1 for equal waits");
        self.retry = Some(Retry { multiplier, ..self.retries_or_none() });
        self
    }

    /// Sets whether each wait is a random part of its full length, so that the instances of a service do not
    /// retry at the same moment.
    ///
    /// ```
    /// use throttle::retry;
    ///
    /// assert_eq!(retry(3).jitter(true).to_string(), "retry(3, 100ms, x2, jitter), raise");
    /// ```
    ///
    /// # Default
    ///
    /// `false`
    #[must_use]
    pub const fn jitter(mut self, on: bool) -> Self {
        self.retry = Some(Retry { jitter: on, ..self.retries_or_none() });
        self
    }

    /// Sets the kinds of errors after which a request is retried.
    ///
    /// If `kinds` contains [`ErrorKind::Timeout`], requests that may have been charged are also retried after
    /// errors of these kinds. The backend has to [recognise](crate::backend::Backend::recognises_retries) its
    /// own charges by an idempotency token. Redis does, and so do all stores that keep the state of the
    /// strategy as a record, such as Memcached. Therefore, a request is charged once, however many attempts it
    /// takes.
    ///
    /// Each admission stores a token of about 100 bytes in Redis, or 20 bytes in a record. The token is kept
    /// for the [time budget](crate::Settings::total_timeout) of the throttle plus ten seconds. A record keeps the last
    /// 32 tokens: a retry whose token may have been dropped is not charged, and its error is in doubt.
    ///
    /// Without `ErrorKind::Timeout`, and on other backends, a request that may have been charged is never
    /// retried. If the backend does not recognise retries, an event at level WARN reports this at startup.
    ///
    /// ```
    /// use throttle::{ErrorKind, Recovery, retry};
    ///
    /// const ALSO_IN_DOUBT: Recovery = retry(2).retry_on(&[ErrorKind::Connection, ErrorKind::Timeout]);
    /// ```
    ///
    /// # Default
    ///
    /// All kinds of errors of a store. Requests that may have been charged are not retried.
    #[must_use]
    pub const fn retry_on(mut self, kinds: &[ErrorKind]) -> Self {
        let on = Kinds::of(kinds);
        self.retry = Some(Retry { on, names_timeouts: on.has(ErrorKind::Timeout), ..self.retries_or_none() });
        self
    }

    const fn retries_or_none(&self) -> Retry {
        match self.retry {
            Some(retry) => retry,
            None => Retry::new(0),
        }
    }

    /// Sets the backend that decides when the primary has failed. It has the same effect as the function
    /// [`fallback`].
    ///
    /// ```
    /// use throttle::retry;
    ///
    /// let recovery = retry(3).fallback("memory");
    /// assert_eq!(recovery.to_string(), "retry(3, 100ms, x2), fallback(\"memory\"), raise");
    /// ```
    ///
    /// # Default
    ///
    /// No fallback. [`fallback`] and [`failover`] take the name of the backend as an argument.
    ///
    /// # Panics
    ///
    /// If the name is blank. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn fallback(mut self, backend: &'static str) -> Self {
        let Self { fallback: Some(asked), .. } = fallback(backend) else { return self };
        self.fallback = Some(match self.fallback {
            Some(earlier) => Fallback { name: asked.name, ..earlier },
            None => asked,
        });
        self
    }

    /// Sets the kinds of errors after which the fallback decides. While the [breaker](Self::breaker) is open, the
    /// fallback decides in any case.
    ///
    /// # Default
    ///
    /// All kinds of errors of a store, which include timeouts.
    ///
    /// # Panics
    ///
    /// If there is no fallback. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn fallback_on(mut self, kinds: &[ErrorKind]) -> Self {
        let Some(fallback) = self.fallback else {
            panic!("there is no fallback: write `fallback(\"memory\")` first")
        };
        self.fallback = Some(Fallback { on: Kinds::of(kinds), ..fallback });
        self
    }

    /// Sets the share of every limit that the fallback may admit. Example: `share(1, 3)` if three instances
    /// share the limit and each falls back to its own memory.
    ///
    /// # Default
    ///
    /// The whole limit.
    ///
    /// # Panics
    ///
    /// If there is no fallback, or if the share is zero or more than the whole. In a constant, this is a
    /// compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn share(mut self, part: u32, of: u32) -> Self {
        let Some(fallback) = self.fallback else {
            panic!("there is no fallback: write `fallback(\"memory\")` first")
        };
        self.fallback = Some(Fallback { share: Share::new(part, of), ..fallback });
        self
    }

    /// Sets the circuit breaker that is checked before each call of the backend.
    ///
    /// ```
    /// use throttle::{CircuitBreaker, fallback};
    ///
    /// let recovery = fallback("memory").breaker(CircuitBreaker::new().failure_threshold(3));
    /// assert_eq!(
    ///     recovery.to_string(),
    ///     "breaker(3 failures, 60s, 2 successes), fallback(\"memory\"), raise"
    /// );
    /// ```
    ///
    /// # Default
    ///
    /// No breaker. [`failover`] takes the breaker as an argument.
    #[must_use]
    pub const fn breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// Sets what happens to the request when the retries and the fallback have failed: `"allow"`, `"throttle"`
    /// (for 1 second) or `"raise"`. The error is then that of the fallback, and its source is the error of the
    /// primary.
    ///
    /// # Default
    ///
    /// `"raise"`
    ///
    /// # Panics
    ///
    /// If there is no such policy. In a constant, this is a compile-time error.
    #[must_use]
    #[track_caller]
    pub const fn otherwise(mut self, policy: &str) -> Self {
        self.otherwise = match OnError::named(policy) {
            Some(policy) => policy,
            None => panic!("unknown policy: write \"allow\", \"throttle\" or \"raise\""),
        };
        self
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(breaker) = &self.breaker {
            write!(f, "{breaker}, ")?;
        }
        if let Some(retry) = self.retry.filter(|retry| retry.max > 0) {
            write!(f, "{retry}, ")?;
        }
        if let Some(Fallback { name, share, .. }) = self.fallback {
            match share {
                Share::WHOLE => write!(f, "fallback(\"{name}\"), ")?,
                part => write!(f, "fallback(\"{name}\", {part}), ")?,
            }
        }
        write!(f, "{}", self.otherwise)
    }
}
