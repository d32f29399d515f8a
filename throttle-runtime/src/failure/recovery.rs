//! What is tried before a failed decision is given up.

use std::fmt;
use std::time::Duration;

use super::retry::Retry;
use super::{CircuitBreaker, Kinds, OnError, Share};
use crate::ErrorKind;

/// What is tried when a backend fails, in this order: the same backend again, another one, and then what
/// [`otherwise`](Self::otherwise) says. A [circuit breaker](CircuitBreaker) keeps a backend that is down from being
/// asked at all.
///
/// A value of `on_error`, in the attribute or anywhere else, that begins with [`retry`], [`fallback`] or [`failover`]:
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

/// Another backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fallback {
    pub(crate) name: &'static str,
    pub(crate) on: Kinds,
    pub(crate) share: Share,
}

/// Sends a request again, up to so many times: after 100 ms, 200 ms, 400 ms and so on, unless said otherwise.
///
/// A request is sent again only if it certainly charged nothing, or if the backend recognises it
/// ([`retry_on`](Recovery::retry_on)), so one request is never charged twice: see
/// [`BackendError::nothing_charged`](crate::BackendError::nothing_charged).
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

/// Asks another backend, by the name it has in the registry, about the same key, limits and cost.
///
/// ```
/// use throttle::{fallback, throttle};
///
/// #[throttle(rate = "100/min", backend = "redis", on_error = fallback("memory"))]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
///
/// # Panics
///
/// If the name is blank: at compile time in a constant.
#[track_caller]
pub const fn fallback(backend: &'static str) -> Recovery {
    assert!(!backend.trim_ascii().is_empty(), "the name of the fallback is blank: write that of a backend");
    let fallback = Fallback { name: backend, on: Kinds::STORE, share: Share::WHOLE };
    Recovery { fallback: Some(fallback), ..Recovery::RAISE }
}

/// Asks the backend again, twice, after 50 and 100 ms, and then another one; and goes straight to the other one
/// while the breaker is open. What to use in production.
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
/// # Panics
///
/// If the name is blank: at compile time in a constant.
#[track_caller]
pub const fn failover(backend: &'static str, breaker: CircuitBreaker) -> Recovery {
    let retry = Retry { delay: Duration::from_millis(50), ..Retry::new(2) };
    Recovery { retry: Some(retry), breaker: Some(breaker), ..fallback(backend) }
}

impl Recovery {
    /// Nothing is tried.
    const RAISE: Self = Self { retry: None, fallback: None, breaker: None, otherwise: OnError::Raise };

    /// How often a request is sent again; 0 for never.
    #[must_use]
    pub const fn retries(mut self, max: u32) -> Self {
        self.retry = Some(Retry { max, ..self.retries_or_none() });
        self
    }

    /// The wait before the first retry.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.retry = Some(Retry { delay, ..self.retries_or_none() });
        self
    }

    /// By what each wait is longer than the one before it, up to a minute; 2 unless said otherwise.
    ///
    /// # Panics
    ///
    /// If it is 0: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn multiplier(mut self, multiplier: u32) -> Self {
        assert!(multiplier > 0, "a multiplier of 0 retries without a wait: write 1 for equal waits");
        self.retry = Some(Retry { multiplier, ..self.retries_or_none() });
        self
    }

    /// Whether each wait is a random part of what it would be, so that the requests of a whole fleet do not come back
    /// at once.
    #[must_use]
    pub const fn jitter(mut self, on: bool) -> Self {
        self.retry = Some(Retry { jitter: on, ..self.retries_or_none() });
        self
    }

    /// The kinds of errors after which a request is retried; all kinds of errors of a store by default.
    ///
    /// With [`ErrorKind::Timeout`] among them, requests that may have been charged are retried after errors of these kinds, if
    /// the backend [recognises](crate::backend::Backend::recognises_retries) its own charges by an idempotency token. Redis
    /// does, and all stores that keep the state of the strategy as a record, such as Memcached. So a request is charged once,
    /// however many attempts it takes. Each admission stores a token of about 100 bytes in Redis, or 20 bytes in a record, for
    /// the [time budget](crate::Settings::budget) of the throttle and ten seconds more. A record keeps the last 32 tokens: a
    /// retry whose token may have been dropped is not charged, and its error is in doubt.
    ///
    /// Without `ErrorKind::Timeout`, and on other backends, a request that may have been charged is never retried. An event at
    /// level WARN reports at startup that the backend recognises no retries.
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

    /// The backend that is asked when the other one has failed: see [`fallback`].
    ///
    /// # Panics
    ///
    /// If the name is blank: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn fallback(mut self, backend: &'static str) -> Self {
        let Self { fallback: Some(asked), .. } = fallback(backend) else { return self };
        self.fallback = Some(match self.fallback {
            Some(said) => Fallback { name: asked.name, ..said },
            None => asked,
        });
        self
    }

    /// The kinds of errors after which the other backend is asked; all of a store unless said otherwise, so timeouts
    /// are among them.
    ///
    /// # Panics
    ///
    /// If there is no fallback: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn fallback_on(mut self, kinds: &[ErrorKind]) -> Self {
        let Some(fallback) = self.fallback else {
            panic!("there is no fallback: write `fallback(\"memory\")` first")
        };
        self.fallback = Some(Fallback { on: Kinds::of(kinds), ..fallback });
        self
    }

    /// The part of every limit that the fallback may give, such as 1 of 3 where three instances share the limit and each
    /// falls back to a memory of its own.
    ///
    /// # Panics
    ///
    /// If there is no fallback, the part is nothing or more than the whole: at compile time in a constant.
    #[must_use]
    #[track_caller]
    pub const fn share(mut self, part: u32, of: u32) -> Self {
        let Some(fallback) = self.fallback else {
            panic!("there is no fallback: write `fallback(\"memory\")` first")
        };
        self.fallback = Some(Fallback { share: Share::new(part, of), ..fallback });
        self
    }

    /// The breaker that is asked before the backend is.
    #[must_use]
    pub const fn breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// What becomes of the request when all of that has failed: `"allow"`, `"throttle"` or `"raise"`, which is what
    /// it is unless said otherwise. The error is then that of the fallback, and its source the first one.
    ///
    /// # Panics
    ///
    /// If there is no such policy: at compile time in a constant.
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
