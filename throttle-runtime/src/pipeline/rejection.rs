//! The reasons why a request is rejected.

use std::sync::Arc;

use http::request::Parts;

use super::prepare::Stop;
use super::throttled::{Denial, Throttled};
use crate::config::policy::Policy;
use crate::config::resolver::{Resolver, role};
use crate::decision::Decision;
use crate::error::{BackendError, ConfigError, no_request};
use crate::http::ClientIp;
use crate::pipeline::throttle_error::ThrottleError;
use crate::throttle::Throttle;
use crate::util::shared::Shared;

/// The reason why a request is rejected.
pub(crate) enum Rejection {
    /// A throttle denied the request. If it has a custom handler, the handler makes the response.
    Throttled(
        Throttled,
        #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "no handlers without responses"))]
        Option<Shared<dyn Resolver<role::handler>>>,
    ),
    /// There is no decision.
    Stopped(Stop),
    /// There is no working throttle.
    Misconfigured(ConfigError),
}

/// For calls that are not requests, and have no response.
impl From<Rejection> for ThrottleError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Throttled(throttled, _) => throttled.into(),
            Rejection::Stopped(Stop::Failed(error)) => error.into(),
            // Lists are only checked for requests, because only requests have a client address.
            Rejection::Stopped(Stop::Answered(_) | Stop::Forbidden(_)) => no_request().into(),
            Rejection::Misconfigured(error) => error.into(),
        }
    }
}

impl Rejection {
    pub(crate) fn throttled(
        throttle: &Throttle,
        policy: &Arc<Policy>,
        decision: Decision,
        error: Option<BackendError>,
        head: &Parts,
    ) -> Self {
        let (uid, handler) = (throttle.uid_shared().clone(), policy.handler.clone());
        let client = handler.is_some().then(|| ClientIp::of(head, &throttle.environment().lookup));
        let head = handler.is_some().then(|| head.clone());
        Self::Throttled(
            Throttled::from_denial(Denial {
                uid,
                policy: Some(Arc::clone(policy)),
                decision,
                error,
                head,
                detail: None,
                is_handled: false,
                client,
            }),
            handler,
        )
    }
}
