//! The answers to requests that do not go on.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::admission::{Rejection, Stop};
use crate::http::answer::{failed, forbidden, misconfigured, too_many};
use crate::plug::Head;
use crate::{BackendError, Throttled};

impl Rejection {
    pub(crate) async fn into_response(self, head: &mut Head<'_>) -> Response {
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
            Self::Stopped(Stop::Forbidden) => forbidden(),
            Self::Stopped(Stop::Failed(error)) => error.into_response(),
            Self::Misconfigured(error) => misconfigured(error),
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

/// Status 500 without details. The error itself is an extension of the response, for a layer that logs.
impl IntoResponse for BackendError {
    fn into_response(self) -> Response {
        failed(self)
    }
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
