//! The responses to rejected requests.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::handler::{self, shaped};
use crate::config::resolver::RequestContext;
use crate::edge::responses::{denied, failed, misconfigured};
use crate::error::BackendError;
use crate::pipeline::prepare::Stop;
use crate::pipeline::rejection::Rejection;
use crate::pipeline::throttled::Throttled;

impl Rejection {
    pub(crate) async fn into_response(self, context: &mut RequestContext<'_>) -> Response {
        match self {
            Self::Throttled(throttled, None) => denied(&throttled),
            Self::Throttled(throttled, Some(handler)) => shaped(throttled, handler, context).await,
            Self::Stopped(Stop::Forbidden(throttled)) => match throttled.handler() {
                Some(handler) => shaped(throttled, handler, context).await,
                None => denied(&throttled),
            },
            Self::Stopped(Stop::Answered(response)) => response,
            Self::Stopped(Stop::Failed(error)) => error.into_response(),
            Self::Misconfigured(error) => misconfigured(error),
        }
    }
}

/// The default response: [status](Throttled::status) 429 or 403, a message as plain text, `Retry-After` and
/// the headers that the throttle's [`Headers`](crate::Headers) select.
///
/// A denial of the program, [`Throttled::new`], is answered by the default `handler` of the active registry,
/// if there is one. The request is not known here, so the handler sees an empty request. If the handler has
/// to wait, the default response is sent.
impl IntoResponse for Throttled {
    fn into_response(self) -> Response {
        if self.awaits_handler() { handler::response(self) } else { denied(&self) }
    }
}

/// Status 500 without details. The error itself is an extension of the response, for layers that log.
impl IntoResponse for BackendError {
    fn into_response(self) -> Response {
        failed(self)
    }
}

/// A built-in `handler`: status 429 and an `application/problem+json` body (RFC 9457) of the type
/// `quota-exceeded`. See [`Throttled::problem_json`].
///
/// ```
/// use throttle::throttle;
///
/// #[throttle(rate = "100/min", handler = throttle::problem_json)]
/// async fn items() -> &'static str {
///     "ok"
/// }
/// ```
pub async fn problem_json(throttled: Throttled) -> Response {
    let body = throttled.problem_json();
    let mut response = denied::<Body>(&throttled);
    *response.body_mut() = body.into();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
