//! Predicates that decide which responses are charged, for [`charge_when`](crate::Settings::charge_when).
//!
//! ```
//! use axum::http::StatusCode;
//! use throttle::{outcome, throttle};
//!
//! /// Five wrong passwords per quarter of an hour; the right one costs nothing.
//! #[throttle(rate = "5/15min", charge_when = outcome::unauthorized)]
//! async fn login() -> StatusCode {
//!     StatusCode::OK
//! }
//! # let _: axum::Router = axum::Router::new().route("/login", axum::routing::post(login));
//! ```
//!
//! The request is charged before the handler runs, and refunded if the predicate returns `false` for the
//! response:
//!
//! - Concurrent attempts cannot exceed the limit.
//! - A request stays charged if the client disconnects before the response, or if the handler panics.
//! - While a request runs, other requests may be denied that would be allowed after its refund.
//!
//! A refund returns the charge as far as the strategy can. With the memory backend, the refund is immediate,
//! and the headers contain the quota after it. With other backends, a background task makes the refund within
//! the throttle's `timeout`: no response waits for it, and the headers contain the quota of the decision. If
//! the refund fails, the client has less quota, not more, and an event at level WARN reports the failure.
//!
//! A predicate of your own is a `fn(StatusCode) -> bool` or a `fn(&http::response::Parts) -> bool`. To pass it
//! more than a status, a handler adds an extension to its response.
//!
//! Uses without an HTTP response are always charged: `#[throttle_fn]`, messages and
//! [`Throttle::hit`](crate::Throttle::hit). For these, [`Throttle::reserve`](crate::Throttle::reserve) makes a
//! charge that can be refunded.
//!
//! The predicates in this module also recognize a gRPC status if it is in the headers of the response, as for a
//! call that failed before its first message.

use http::StatusCode;
use http::response::Parts;

/// Charges failed responses: returns `true` for a status of 400 and above.
///
/// ```
/// use axum::http::Response;
/// use throttle::outcome;
///
/// let (head, _) = Response::builder().status(404).body(()).expect("a response").into_parts();
/// assert!(outcome::failed(&head) && !outcome::succeeded(&head));
/// ```
pub fn failed(response: &Parts) -> bool {
    let status = status(response);
    status.is_client_error() || status.is_server_error()
}

/// Charges responses that did not fail: returns `true` for a status below 400.
pub fn succeeded(response: &Parts) -> bool {
    !failed(response)
}

/// Charges unauthorized requests: returns `true` for a status of 401 or 403. Use it for passwords, codes and
/// tokens that can be guessed.
pub fn unauthorized(response: &Parts) -> bool {
    matches!(status(response), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Charges all responses except server errors: returns `true` for a status below 500. So clients do not pay for
/// failures of the server.
pub fn no_server_error(response: &Parts) -> bool {
    !status(response).is_server_error()
}

/// Returns the HTTP status, or the HTTP equivalent of the gRPC status.
fn status(response: &Parts) -> StatusCode {
    let code = response.headers.get("grpc-status").and_then(|code| code.to_str().ok());
    match code.map_or(Ok(0), str::parse) {
        Ok(0) => response.status,
        Ok(3 | 9 | 11) => StatusCode::BAD_REQUEST,
        Ok(16) => StatusCode::UNAUTHORIZED,
        Ok(7) => StatusCode::FORBIDDEN,
        Ok(5) => StatusCode::NOT_FOUND,
        Ok(1) => StatusCode::REQUEST_TIMEOUT,
        Ok(6 | 10) => StatusCode::CONFLICT,
        Ok(8) => StatusCode::TOO_MANY_REQUESTS,
        Ok(12) => StatusCode::NOT_IMPLEMENTED,
        Ok(14) => StatusCode::SERVICE_UNAVAILABLE,
        Ok(4) => StatusCode::GATEWAY_TIMEOUT,
        Ok(_) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
