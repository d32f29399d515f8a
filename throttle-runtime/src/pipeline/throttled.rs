//! Denials, as handlers and functions receive them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use crate::config::policy::Policy;
#[cfg(feature = "axum")]
use crate::config::resolver::Resolver;
#[cfg(feature = "axum")]
use crate::config::resolver::role;
use crate::decision::{Decision, DecisionReason, Quota};
use crate::error::BackendError;
use crate::http::ClientIp;
use crate::throttle::Throttle;
#[cfg(feature = "axum")]
use crate::util::shared::Shared;

/// A denied request.
///
/// A custom `handler` takes it as an argument, beside any extractors of the request parts. Returned from a
/// handler, it becomes the default response. Elsewhere, [`ThrottleError`](crate::ThrottleError) contains it.
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
pub struct Throttled(pub(super) Arc<Denial>);

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
