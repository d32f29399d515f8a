//! Decisions as arguments of handlers whose throttles degrade.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{Decision, Decisions, Source};

/// What the throttles that degrade decided; nothing where there is none.
impl<S: Sync> FromRequestParts<S> for Decisions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The strictest decision of the throttles that degrade. Where none of them is about the request, it is allowed: what
/// another throttle denies has no handler.
impl<S: Sync> FromRequestParts<S> for Decision {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let strictest = parts.extensions.get::<Decisions>().and_then(Decisions::strictest);
        Ok(strictest.cloned().unwrap_or_else(|| Self::passed(Source::Bypassed)))
    }
}
