//! The responses to requests that do not reach the service.

use axum_core::body::Body;
use http::Response;
use http::request::Parts;

use super::grpc;
use crate::pipeline::rejection::Rejection;

/// A response that was not made by the service.
pub(super) enum Answer {
    Web(Response<Body>),
    /// A gRPC status, which is completely in the headers.
    Grpc(Response<()>),
}

impl Answer {
    pub(super) async fn to(rejection: Rejection, parts: &mut Parts) -> Self {
        match grpc::content_type(&parts.headers) {
            Some(content_type) => Self::Grpc(grpc::answer(rejection, content_type)),
            None => Self::Web(web(rejection, parts).await),
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        match self {
            Self::Grpc(response) => response.map(|()| Body::empty()),
            Self::Web(response) => response,
        }
    }
}

#[cfg(feature = "axum")]
async fn web(rejection: Rejection, parts: &mut Parts) -> Response<Body> {
    use crate::config::resolver::RequestContext;
    use crate::registry::Registry;

    let registry = Registry::of_request(parts);
    let mut context =
        RequestContext { parts, state: &(), lookup: &registry.environment().lookup, is_request: true };
    rejection.into_response(&mut context).await
}

#[cfg(not(feature = "axum"))]
async fn web(rejection: Rejection, _: &mut Parts) -> Response<Body> {
    use crate::edge::responses::{denied, failed, misconfigured};
    use crate::pipeline::prepare::Stop;

    match rejection {
        Rejection::Throttled(throttled, _) | Rejection::Stopped(Stop::Forbidden(throttled)) => {
            denied(&throttled)
        }
        Rejection::Stopped(Stop::Failed(error)) => failed(error),
        Rejection::Stopped(Stop::Answered(never)) => match never {},
        Rejection::Misconfigured(error) => misconfigured(error),
    }
}
