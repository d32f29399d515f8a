//! Which responses are charged: what [`charge_when`](crate::Settings::charge_when) can be.
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
//! The charge is taken before the handler runs, and given back if the function says that its response is not charged. So
//! of any number of attempts at once no more than the limit are made, and a client that hangs up before the response,
//! and so a handler that panics, has paid. While a request is under way others may be denied that would not be after it.
//!
//! What is given back is what was taken, as far as the strategy can. In memory that is at once, and the header fields say
//! what is left then. Elsewhere a task does so in the background, within the throttle's deadline: no response waits for it,
//! and the fields say what was decided. If it fails the client has less, not more, and an event at level WARN says so.
//!
//! A function of your own is a `fn(StatusCode) -> bool` or a `fn(&http::response::Parts) -> bool`. A handler tells it more
//! than a status by an extension of its response.
//!
//! Where there is no response of HTTP, as for `#[throttle_fn]`, for messages and for [`Throttle::hit`](crate::Throttle::hit),
//! everything is charged; there [`Throttle::reserve`](crate::Throttle::reserve) has a charge that can be given back.
//!
//! Those here know the status of gRPC, too, where a response has it in its head, as that of a call has that failed before
//! its first message.

use http::StatusCode;
use http::response::Parts;

/// What failed is charged: a status of 400 and above.
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

/// What did not fail is charged: a status below 400.
pub fn succeeded(response: &Parts) -> bool {
    !failed(response)
}

/// What was not let in is charged: a status of 401 or 403. For passwords, codes and tokens that can be guessed.
pub fn unauthorized(response: &Parts) -> bool {
    matches!(status(response), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// All but errors of the server is charged: a status below 500. Clients do not pay for what was not their fault.
pub fn no_server_error(response: &Parts) -> bool {
    !status(response).is_server_error()
}

/// The status, or that which HTTP would have for the one of gRPC.
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
