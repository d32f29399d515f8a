//! The answers to requests that do not go on.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::admission::{Rejection, Stop};
use crate::http::fields::Report;
use crate::plug::Head;
use crate::throttled::message;
use crate::{BackendError, Throttled};

impl Rejection {
    pub(super) async fn into_response(self, head: &mut Head<'_>) -> Response {
        match self {
            Self::Throttled(throttled, None) => throttled.into_response(),
            Self::Throttled(throttled, Some(handler)) => {
                head.parts.extensions.insert(throttled.clone());
                let response = handler.ask(head).await;
                head.parts.extensions.remove::<Throttled>();
                match response {
                    Ok(mut response) => {
                        throttled.complete(response.headers_mut());
                        response
                    }
                    // The client is throttled whatever the handler would have liked to know.
                    Err(_) => throttled.into_response(),
                }
            }
            Self::Stopped(Stop::Answered(response)) => response,
            Self::Stopped(Stop::Failed(error)) => error.into_response(),
            Self::Misconfigured(error) => {
                tracing::error!(target: "throttle", %error, "a handler has no working throttle");
                let mut response =
                    text(StatusCode::INTERNAL_SERVER_ERROR, "the rate limiter is misconfigured");
                response.extensions_mut().insert(error);
                response
            }
        }
    }
}

/// The default answer: status 429, a sentence as plain text, `Retry-After` and the fields of the throttle's
/// [`Headers`](crate::Headers).
impl IntoResponse for Throttled {
    fn into_response(self) -> Response {
        too_many(&self.report())
    }
}

/// The default answer, from what it says.
pub(super) fn too_many(report: &Report<'_>) -> Response {
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, message(report.retry_after_seconds()));
    report.write(response.headers_mut());
    response
}

/// Status 500 without details. The error itself is an extension of the response, for a layer that logs.
impl IntoResponse for BackendError {
    fn into_response(self) -> Response {
        let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, "the rate limiter failed");
        response.extensions_mut().insert(self);
        response
    }
}

fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A ready-made `handler`: status 429 and an `application/problem+json` body (RFC 9457) of the type
/// `quota-exceeded`: see [`Throttled::problem_json`].
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
    let mut response = throttled.into_response();
    *response.body_mut() = body.into();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
