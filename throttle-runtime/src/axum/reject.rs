//! The answers to requests that do not go on.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::admission::{Rejection, Stop};
use crate::http::fields::Report;
use crate::plug::Head;
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
        let mut response = text(StatusCode::TOO_MANY_REQUESTS, self.message());
        self.report().write(response.headers_mut());
        response
    }
}

/// Status 500 without details. The error itself is an extension of the response, for a layer that logs.
impl IntoResponse for BackendError {
    fn into_response(self) -> Response {
        let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, "the rate limiter failed");
        response.extensions_mut().insert(self);
        response
    }
}

impl Throttled {
    fn report(&self) -> Report<'_> {
        let denial = self.denial();
        Report {
            name: &denial.name,
            quotas: self.limits(),
            retry_after: self.retry_after(),
            denied: true,
            headers: denial.headers,
        }
    }

    /// Adds the fields that a custom handler did not set itself.
    fn complete(&self, theirs: &mut HeaderMap) {
        let mut ours = HeaderMap::new();
        self.report().write(&mut ours);
        for (name, value) in ours {
            if let Some(name) = name
                && !theirs.contains_key(&name)
            {
                theirs.insert(name, value);
            }
        }
    }
}

fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A ready-made `handler`: status 429 and an `application/problem+json` body (RFC 9457) of the type
/// `quota-exceeded`, which names the `violated-policies` as the header fields do
/// (draft-ietf-httpapi-ratelimit-headers-11, section 6.1).
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
    let policies = throttled.report().violated();
    let body = format!(
        "{{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\"title\":\"Too Many \
         Requests\",\"status\":429,\"detail\":\"{}\",\"violated-policies\":[{policies}]}}",
        throttled.message(),
    );
    let mut response = throttled.into_response();
    *response.body_mut() = body.into();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
