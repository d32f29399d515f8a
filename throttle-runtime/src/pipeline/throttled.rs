//! Denials: as a handler receives them, and as errors of functions that are not handlers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::config::policy::Policy;
#[cfg(feature = "axum")]
use crate::config::resolver::Resolver;
#[cfg(feature = "axum")]
use crate::config::resolver::role;
use crate::http::header_fields::Report;
use crate::util::error_chain::chain;
#[cfg(feature = "axum")]
use crate::util::shared::Shared;
use crate::{BackendError, ClientIp, Decision, DecisionReason, Headers, Quota, Throttle};

/// A denied request.
///
/// A custom `handler` takes it as an argument, beside any extractors of the request parts. Returned from a
/// handler, it becomes the default response. Elsewhere, [`ThrottleError`] contains it.
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

#[derive(Clone)]
pub(crate) struct Denial {
    pub(crate) uid: Arc<str>,
    /// The throttle's policy. `None` for a denial by the program.
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) decision: Decision,
    pub(crate) error: Option<BackendError>,
    pub(crate) head: Option<Parts>,
    /// The client of the request. Set together with `head`.
    pub(crate) client: Option<ClientIp>,
    /// The sentence of a denial by the program, which replaces the default sentence.
    pub(crate) detail: Option<Cow<'static, str>>,
    /// Whether a handler has received it already, so that its response is not passed to a handler again.
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "no handlers without responses"))]
    pub(crate) is_handled: bool,
}

impl Throttled {
    /// Creates a denial of your own. Its response is like that of a throttle.
    ///
    /// `wait` is how long the client has to wait, at least a microsecond. `None` means that no wait helps or
    /// that none is known; then the response has no `Retry-After`. If the active registry has a default
    /// [`handler`](crate::Settings::handler), it creates the response of this denial, too.
    ///
    /// ```
    /// use std::time::Duration;
    /// use throttle::Throttled;
    ///
    /// async fn export() -> Result<String, Throttled> {
    ///     Err(Throttled::new(Duration::from_secs(30)).with_detail("Another export is running."))
    /// }
    ///
    /// let denial = Throttled::new(None);
    /// assert_eq!((denial.retry_after(), denial.message()), (None, "Too many requests.".to_owned()));
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(export));
    /// ```
    pub fn new(wait: impl Into<Option<Duration>>) -> Self {
        let refused = || Decision::refused(DecisionReason::Program);
        let decision =
            wait.into().map_or_else(refused, |wait| Decision::denied(wait, DecisionReason::Program));
        Self::from_denial(Denial {
            uid: Arc::from(""),
            policy: None,
            decision,
            error: None,
            head: None,
            client: None,
            detail: None,
            is_handled: false,
        })
    }

    /// Sets the sentence of the response, which [`message`](Self::message) returns.
    ///
    /// ```
    /// use throttle::Throttled;
    ///
    /// let denial = Throttled::new(None).with_detail("Another export is running.");
    /// assert_eq!(denial.message(), "Another export is running.");
    /// ```
    ///
    /// # Default
    ///
    /// The sentence that [`message`](Self::message) lists for the denial.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        Arc::make_mut(&mut self.0).detail = Some(detail.into());
        self
    }

    /// Returns the sentence that [`with_detail`](Self::with_detail) set.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns the status of the default response: 403 for a client on a `deny` list, and otherwise 429.
    pub fn status(&self) -> StatusCode {
        match self.reason() {
            DecisionReason::Forbidden => StatusCode::FORBIDDEN,
            _ => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Creates the denial of a throttle, for the connection of that handshake.
    #[cfg(feature = "ws")]
    pub(crate) fn by(throttle: &Throttle, decision: Decision, handshake: &Parts) -> Self {
        let policy = throttle.policy();
        Self::from_denial(Denial {
            uid: throttle.uid_shared().clone(),
            head: policy.handler.is_some().then(|| handshake.clone()),
            client: policy.handler.is_some().then(|| ClientIp::of(handshake, &throttle.environment().lookup)),
            policy: Some(policy.into_owned()),
            decision,
            error: None,
            detail: None,
            is_handled: false,
        })
    }

    /// Creates the denial of a client on the throttle's `deny` list.
    pub(crate) fn forbidden(throttle: &Throttle, policy: &Arc<Policy>, head: &Parts) -> Self {
        Self::from_denial(Denial {
            uid: throttle.uid_shared().clone(),
            policy: Some(Arc::clone(policy)),
            decision: Decision::refused(DecisionReason::Forbidden),
            error: None,
            head: policy.handler.is_some().then(|| head.clone()),
            client: policy.handler.is_some().then(|| ClientIp::of(head, &throttle.environment().lookup)),
            detail: None,
            is_handled: false,
        })
    }

    /// Returns the handler of the throttle, which may come from the registry.
    #[cfg(feature = "axum")]
    pub(crate) fn handler(&self) -> Option<Shared<dyn Resolver<role::handler>>> {
        self.0.policy.as_ref()?.handler.clone()
    }

    /// Returns the same denial, marked as received by a handler.
    #[cfg(feature = "axum")]
    pub(crate) fn handled(mut self) -> Self {
        Arc::make_mut(&mut self.0).is_handled = true;
        self
    }

    /// Returns whether the registry's default handler creates the response. It does so for a denial by the
    /// program that no handler has received.
    #[cfg(feature = "axum")]
    pub(crate) fn awaits_handler(&self) -> bool {
        self.reason() == DecisionReason::Program && !self.0.is_handled
    }

    pub(crate) fn from_denial(denial: Denial) -> Self {
        Self(Arc::new(denial))
    }

    /// Returns the uid of the throttle that denied. Empty for a denial of [your own](Self::new).
    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    pub(crate) fn decision(&self) -> &Decision {
        &self.0.decision
    }

    /// Returns the quota of every limit of the throttle, in the order in which they were written. Empty if no
    /// rate caused the denial: see [`reason`](Self::reason).
    pub fn limits(&self) -> &[Quota] {
        self.0.decision.quotas()
    }

    /// Returns the units that would fit right now. 0 if no rate caused the denial.
    pub fn remaining(&self) -> u64 {
        self.0.decision.remaining().unwrap_or(0)
    }

    /// Returns how long to wait until the same request fits, if no other request comes. `None` if no wait helps
    /// or none is known, for example because the request costs more than a limit can hold.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.decision.retry_after()
    }

    /// Returns the wait in whole seconds, as in `Retry-After`: rounded up, at least 1. `None` if no wait helps
    /// or none is known.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.report().retry_after_seconds()
    }

    /// Returns how long until the whole quota is available again, if no other request comes. Zero if no rate
    /// caused the denial.
    pub fn reset_after(&self) -> Duration {
        self.0.decision.reset_after().unwrap_or_default()
    }

    /// Returns the request parts of the denied request in a custom handler. `None` elsewhere.
    pub fn head(&self) -> Option<&Parts> {
        self.0.head.as_ref()
    }

    /// Returns the client address of the denied request, as `key = ip` sees it, in a custom handler. `None`
    /// elsewhere.
    ///
    /// ```
    /// use throttle::Throttled;
    ///
    /// async fn too_many(throttled: Throttled) -> (u16, String) {
    ///     let client = throttled.client_ip().and_then(|client| client.address());
    ///     (429, format!("{client:?} has to wait"))
    /// }
    /// # let _ = too_many;
    /// ```
    pub fn client_ip(&self) -> Option<ClientIp> {
        self.0.client
    }

    /// Returns the name of the throttle's backend, even if its fallback decided. Empty for a denial of [your
    /// own](Self::new).
    pub fn backend(&self) -> &str {
        self.0.policy.as_ref().map_or("", |policy| &policy.primary.name)
    }

    /// Returns the cause of the denial: a rate ([`DecisionReason::Backend`]), the concurrency limit
    /// ([`DecisionReason::Concurrency`]), a failed backend ([`DecisionReason::ThrottledOnError`]), a `deny` list
    /// ([`DecisionReason::Forbidden`]) or the program ([`DecisionReason::Program`]).
    pub fn reason(&self) -> DecisionReason {
        self.0.decision.reason()
    }

    /// Returns the concurrency limit, if it caused the denial. It cannot be predicted when a request in flight
    /// ends, so the wait is a second.
    ///
    /// ```
    /// use throttle::Throttled;
    ///
    /// async fn busy(throttled: Throttled) -> (u16, String) {
    ///     let sentence = match throttled.max_concurrent() {
    ///         Some(limit) => format!("{limit} at once are enough"),
    ///         None => throttled.message(),
    ///     };
    ///     (429, sentence)
    /// }
    /// # let _ = busy;
    /// ```
    pub fn max_concurrent(&self) -> Option<u32> {
        let concurrency = self.0.policy.as_ref()?.concurrency?;
        (self.reason() == DecisionReason::Concurrency).then_some(concurrency.limit)
    }

    /// Returns the backend's error, if it caused the denial.
    pub fn error(&self) -> Option<&BackendError> {
        self.0.error.as_ref()
    }

    /// Returns the sentence of the default response: the [detail](Self::with_detail) if it is set.
    ///
    /// # Default
    ///
    /// | denial | sentence |
    /// |---|---|
    /// | a wait helps | `Too many requests. Retry in 5 seconds.` |
    /// | no wait helps | `This request costs more than the limit can ever allow.` |
    /// | of the program, without a wait | `Too many requests.` |
    /// | the client is on a `deny` list | `Your network is not allowed.` |
    ///
    /// These sentences contain no data of the request.
    pub fn message(&self) -> String {
        match (&self.0.detail, self.reason(), self.retry_after_seconds()) {
            (Some(detail), ..) => detail.to_string(),
            (None, DecisionReason::Forbidden, _) => FORBIDDEN.to_owned(),
            (None, DecisionReason::Program, None) => "Too many requests.".to_owned(),
            (None, _, seconds) => message(seconds),
        }
    }

    /// Adds the headers of the default response: `Retry-After`, and the headers that the throttle's
    /// [`Headers`](crate::Headers) select. If another throttle has written the same headers, lists are
    /// extended, and of single values the strictest remains.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::http::HeaderMap;
    /// use throttle::Throttled;
    ///
    /// let mut headers = HeaderMap::new();
    /// Throttled::new(Duration::from_millis(1_500)).write_headers(&mut headers);
    /// assert_eq!(headers["retry-after"], "2");
    /// ```
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        self.report().write(headers);
    }

    /// Adds the headers that are not set yet.
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

    /// Returns a body of the media type `application/problem+json` (RFC 9457). Its `violated-policies` have the
    /// same names as in the headers (draft-ietf-httpapi-ratelimit-headers-11, section 6.1). A denial that no
    /// limit caused has the type `about:blank` and no `violated-policies`.
    ///
    /// ```
    /// use throttle::Throttled;
    ///
    /// let body = Throttled::new(None).problem_json();
    /// assert!(body.starts_with(r#"{"type":"about:blank","title":"Too Many Requests","status":429"#));
    /// ```
    pub fn problem_json(&self) -> String {
        if self.0.decision.quotas().is_empty() {
            let (status, detail) = (self.status(), json_string(&self.message()));
            let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
            return format!(
                "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"detail\":{detail}}}"
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

/// The sentence of the default response to a client on a `deny` list.
pub(crate) const FORBIDDEN: &str = "Your network is not allowed.";

const HEX: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];

/// Returns a text as a JSON string (RFC 8259 section 7).
fn json_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => string.extend(['\\', character]),
            '\0'..' ' => string.extend([
                "\\u00",
                if character < '\u{10}' { "0" } else { "1" },
                HEX[character as usize % 16],
            ]),
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

/// Returns the sentence of the default response.
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
            .field("reason", &self.reason())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Throttled {}

/// The error of a function with `#[throttle_fn]` that did not run. The function's error type is created from
/// it.
///
/// A denial and a failure are separate variants on purpose: a denial is a decision, a failure is not.
///
/// ```
/// use throttle::ThrottleError;
///
/// enum JobError {
///     Later(std::time::Duration),
///     Broken(Box<dyn std::error::Error>),
/// }
///
/// impl From<ThrottleError> for JobError {
///     fn from(refused: ThrottleError) -> Self {
///         match refused {
///             ThrottleError::Throttled(throttled) => Self::Later(throttled.retry_after().unwrap_or_default()),
///             failed => Self::Broken(failed.into()),
///         }
///     }
/// }
/// ```
///
/// `Debug` writes the message and all causes, because a `main` that returns an error prints `Debug`.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ThrottleError {
    /// A limit was reached, or the `on_error` policy throttled the call after the backend failed.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The backend failed, and the `on_error` policy returns its error.
    #[error("the rate limiter's backend failed")]
    Failed(#[from] BackendError),
    /// The throttle is misconfigured.
    #[error(transparent)]
    Misconfigured(#[from] crate::ConfigError),
}

impl fmt::Debug for ThrottleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}
