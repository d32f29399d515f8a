//! Why a request does not go on.

use std::sync::Arc;

use http::request::Parts;

use super::Stop;
use crate::plug::{Ask, role};
use crate::policy::Policy;
use crate::settings::Shared;
use crate::throttle::no_request;
use crate::throttled::{Denial, Throttled};
use crate::{BackendError, ClientIp, ConfigError, Decision, Refused, Throttle};

/// Why a request does not go on.
pub(crate) enum Rejection {
    /// A throttle denied it; its custom handler, if it has one, has the word.
    Throttled(
        Throttled,
        #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "no handlers without responses"))]
        Option<Shared<dyn Ask<role::handler>>>,
    ),
    /// There is no decision.
    Stopped(Stop),
    /// There is no throttle.
    Misconfigured(ConfigError),
}

/// Of a call that is no request: there is no response to make.
impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Throttled(throttled, _) => throttled.into(),
            Rejection::Stopped(Stop::Failed(error)) => error.into(),
            // Lists are about clients, whom only requests have.
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
        let client = handler.is_some().then(|| ClientIp::of(head, throttle.common()));
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
