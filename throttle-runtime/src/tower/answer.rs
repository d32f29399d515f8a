//! The answers to requests that do not go on, for whatever body the service answers with.

use std::any::Any;

use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;

use super::grpc;
use crate::admission::Rejection;

/// The body of an answer, before it is that of the service.
#[cfg(feature = "axum")]
type Body = axum::body::Body;
#[cfg(not(feature = "axum"))]
type Body = String;

/// An answer without the service.
pub(super) enum Answer {
    Web(Response<Body>),
    /// All is said in the head.
    Grpc(Response<()>),
}

impl Answer {
    pub(super) async fn to(rejection: Rejection, parts: &mut Parts) -> Self {
        let rejection = match grpc::content_type(&parts.headers) {
            Some(content_type) => match grpc::answer(rejection, content_type) {
                Ok(answer) => return Self::Grpc(answer),
                Err(rejection) => rejection,
            },
            None => rejection,
        };
        Self::Web(web(rejection, parts).await)
    }

    /// The answer with a body of the service's kind. What cannot be said in that is left out, and so is what its
    /// header would say of it.
    pub(super) fn into_response<B: Default + 'static>(self) -> Response<B> {
        let (mut head, body) = match self {
            Self::Grpc(response) => return response.map(|()| B::default()),
            Self::Web(response) => response.into_parts(),
        };
        let mut body = Some(body);
        if let Some(same) = (&mut body as &mut dyn Any).downcast_mut::<Option<B>>()
            && let Some(body) = same.take()
        {
            return Response::from_parts(head, body);
        }
        for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING] {
            head.headers.remove(name);
        }
        Response::from_parts(head, B::default())
    }
}

#[cfg(feature = "axum")]
async fn web(rejection: Rejection, parts: &mut Parts) -> Response<Body> {
    use super::decide::in_charge;
    use crate::plug::Head;

    let registry = in_charge(parts);
    let mut head = Head { parts, state: &(), common: registry.common(), is_request: true };
    rejection.into_response(&mut head).await
}

#[cfg(not(feature = "axum"))]
async fn web(rejection: Rejection, _: &mut Parts) -> Response<Body> {
    use crate::admission::Stop;
    use crate::http::answer::{failed, forbidden, misconfigured, too_many};

    match rejection {
        Rejection::Throttled(throttled, _) => too_many(&throttled.report()),
        Rejection::Stopped(Stop::Forbidden) => forbidden(),
        Rejection::Stopped(Stop::Failed(error)) => failed(error),
        Rejection::Stopped(Stop::Answered(never)) => match never {},
        Rejection::Misconfigured(error) => misconfigured(error),
    }
}
