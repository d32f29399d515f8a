//! Decisions as arguments of handlers. Alone because axum, and not the guard, calls these extractors.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::decision::{Admitted, Decision, DecisionReason, Decisions};
use crate::http::ClientIp;
use crate::registry::Registry;

/// The decisions of the throttles that degrade. Empty if no such throttle decided.
impl<S: Sync> FromRequestParts<S> for Decisions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The decision that admitted the request, or the [strictest](Decisions::strictest) decision of the throttles
/// that degrade. If the handler knows no decision, it is an allowed decision with the reason
/// [`DecisionReason::Bypassed`].
impl<S: Sync> FromRequestParts<S> for Decision {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let strictest = parts.extensions.get::<Decisions>().and_then(Decisions::strictest);
        let admitted = || parts.extensions.get::<Admitted>().map(|admitted| &admitted.0);
        Ok(strictest.or_else(admitted).cloned().unwrap_or_else(|| Self::passed(DecisionReason::Bypassed)))
    }
}

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Registry::of_request(parts).client_ip(parts))
    }
}
