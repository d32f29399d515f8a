//! A denial: as a handler sees it, and as an error of a function that is not a handler.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;

use crate::http::fields::Report;
use crate::policy::Policy;
use crate::{BackendError, Decision, Headers, Quota, Source};

/// A request was denied.
///
/// This is the argument of a custom `handler` (next to any extractors of the request head), it becomes the
/// default response when returned from one, and it is what [`Refused`] carries elsewhere.
///
/// ```
/// use throttle::Throttled;
///
/// async fn too_many(throttled: Throttled) -> (u16, String) {
///     (429, format!("{} is limited, come back in {:?}", throttled.uid(), throttled.retry_after()))
/// }
/// # let _ = too_many;
/// ```
#[derive(Clone)]
pub struct Throttled(Arc<Denial>);

pub(crate) struct Denial {
    pub(crate) uid: Arc<str>,
    /// What the throttle goes by; `None` for a denial by the program.
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) decision: Decision,
    pub(crate) error: Option<BackendError>,
    pub(crate) head: Option<Parts>,
}

impl Throttled {
    /// A denial of your own, to be answered like those of a throttle: come back after `wait`, at least a
    /// microsecond.
    pub fn new(wait: Duration) -> Self {
        let decision = Decision::denied(wait, Source::Program);
        Self::from_denial(Denial { uid: Arc::from(""), policy: None, decision, error: None, head: None })
    }

    pub(crate) fn from_denial(denial: Denial) -> Self {
        Self(Arc::new(denial))
    }

    /// The throttle that denied; empty for a denial of [your own](Self::new).
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.0.decision
    }

    /// What every limit of the throttle has left, in the order they were written; empty if the backend
    /// failed.
    pub fn limits(&self) -> &[Quota] {
        self.0.decision.quotas()
    }

    /// Units that would fit right now. 0 if the backend failed.
    pub fn remaining(&self) -> u64 {
        self.0.decision.remaining().unwrap_or(0)
    }

    /// How long to wait until the same request fits, if nothing else comes; `None` if it never will, because
    /// it costs more than a limit can hold.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.decision.retry_after()
    }

    /// The wait in whole seconds as `Retry-After` states it: rounded up, at least 1; `None` if no wait helps.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.report().retry_after_seconds()
    }

    /// How long until the whole allowance is back, if nothing else comes. Zero if the backend failed.
    pub fn reset_after(&self) -> Duration {
        self.0.decision.reset_after().unwrap_or_default()
    }

    /// The head of the denied request: for custom handlers; `None` elsewhere.
    pub fn head(&self) -> Option<&Parts> {
        self.0.head.as_ref()
    }

    /// The name of the backend that decided; empty for a denial of [your own](Self::new).
    pub fn backend(&self) -> &str {
        self.0.policy.as_ref().map_or("", |policy| &policy.primary.name)
    }

    /// What caused the denial: a rate ([`Source::Backend`]), the limit on what is in flight
    /// ([`Source::Concurrency`]) or the backend's failure ([`Source::ThrottledOnError`]).
    pub fn source(&self) -> Source {
        self.0.decision.source()
    }

    /// How many requests may be in flight at once, if that caused the denial. When one of them ends nobody can know, so
    /// the wait is a second.
    ///
    /// ```
    /// use throttle::Throttled;
    ///
    /// async fn busy(throttled: Throttled) -> (u16, String) {
    ///     let sentence = match throttled.concurrent() {
    ///         Some(limit) => format!("{limit} at once are enough"),
    ///         None => throttled.message(),
    ///     };
    ///     (429, sentence)
    /// }
    /// # let _ = busy;
    /// ```
    pub fn concurrent(&self) -> Option<u32> {
        let concurrency = self.0.policy.as_ref()?.concurrency?;
        (self.source() == Source::Concurrency).then_some(concurrency.limit)
    }

    /// The backend's error, if that caused the denial.
    pub fn error(&self) -> Option<&BackendError> {
        self.0.error.as_ref()
    }

    /// The sentence of the default answer. Its length does not depend on the request.
    pub fn message(&self) -> String {
        message(self.retry_after_seconds())
    }

    /// Adds the header fields of the default answer: `Retry-After` and what the throttle's
    /// [`Headers`](crate::Headers) say. Lists grow where another throttle has written to them; of the single
    /// values the strictest stays.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        self.report().write(headers);
    }

    /// Adds those of the fields that are not there yet.
    #[cfg(feature = "axum")]
    pub(crate) fn complete(&self, theirs: &mut HeaderMap) {
        let mut ours = HeaderMap::new();
        self.write_headers(&mut ours);
        for (name, value) in ours {
            if let Some(name) = name
                && !theirs.contains_key(&name)
            {
                theirs.insert(name, value);
            }
        }
    }

    /// A body of the media type `application/problem+json` (RFC 9457) that names the `violated-policies` as
    /// the header fields do (draft-ietf-httpapi-ratelimit-headers-11, section 6.1). A denial that no limit
    /// caused violates none and is `about:blank`.
    pub fn problem_json(&self) -> String {
        if self.0.decision.quotas().is_empty() {
            let detail = self.message();
            return format!(
                "{{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,\"detail\":\"{detail}\"}}"
            );
        }
        format!(
            "{{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\"title\":\"Too Many \
             Requests\",\"status\":429,\"detail\":\"{}\",\"violated-policies\":[{}]}}",
            self.message(),
            self.report().violated(),
        )
    }

    pub(crate) fn report(&self) -> Report<'_> {
        let policy = self.0.policy.as_ref();
        Report {
            name: policy.map_or("", |policy| &policy.name),
            advertised: policy.and_then(|policy| policy.advertised.as_ref()),
            quotas: self.limits(),
            retry_after: self.retry_after(),
            denied: true,
            headers: policy.map_or_else(Headers::default, |policy| policy.headers),
        }
    }
}

/// The sentence of the default answer.
pub(crate) fn message(retry_after_seconds: Option<u64>) -> String {
    match retry_after_seconds {
        Some(1) => "Too many requests. Retry in 1 second.".to_owned(),
        Some(seconds) => {
            ["Too many requests. Retry in ", itoa::Buffer::new().format(seconds), " seconds."].concat()
        }
        None => "This request costs more than the limit can ever allow.".to_owned(),
    }
}

impl fmt::Debug for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttled")
            .field("uid", &self.uid())
            .field("retry_after", &self.retry_after())
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Throttled {}

/// Why a function with `#[throttle_fn]` did not run: its error type is made from this.
///
/// The two cases stay apart on purpose: a denial is an answer, a failure is not.
///
/// ```
/// use throttle::Refused;
///
/// enum JobError {
///     Later(std::time::Duration),
///     Broken(Box<dyn std::error::Error>),
/// }
///
/// impl From<Refused> for JobError {
///     fn from(refused: Refused) -> Self {
///         match refused {
///             Refused::Throttled(throttled) => Self::Later(throttled.retry_after().unwrap_or_default()),
///             failed => Self::Broken(failed.into()),
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A limit was reached, or the policy for a failed backend throttled the call.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The backend failed and the policy says that its error is the answer.
    #[error("the rate limiter's backend failed")]
    Failed(#[from] BackendError),
    /// The throttle is misconfigured.
    #[error(transparent)]
    Misconfigured(#[from] crate::ConfigError),
}
