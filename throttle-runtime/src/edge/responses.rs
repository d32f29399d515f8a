//! The default responses to rejected requests, for any body that is made of text.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use crate::error::{BackendError, ConfigError};
use crate::http::header_fields::Report;
use crate::pipeline::denial_response::message;
use crate::pipeline::throttled::Throttled;
use crate::util::log_limit::LogLimit;

/// Returns the response to a denial by a rate, without a [`Throttled`].
pub(crate) fn too_many<B: From<String>>(report: &Report<'_>) -> Response<B> {
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, message(report.retry_after_seconds()));
    report.write(response.headers_mut());
    response
}

/// Returns the default response to a denial: its status, its message and its headers.
pub(crate) fn denied<B: From<String>>(throttled: &Throttled) -> Response<B> {
    let mut response = text(throttled.status(), throttled.message());
    throttled.write_headers(response.headers_mut());
    response
}

/// Returns status 500 without details. The error itself is an extension of the response, for a layer that
/// logs.
pub(crate) fn failed<B: From<String>>(error: BackendError) -> Response<B> {
    let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, "the rate limiter failed".to_owned());
    response.extensions_mut().insert(error);
    response
}

/// Returns status 500 for a misconfigured throttle, and logs the error, which is also an extension of the
/// response.
pub(crate) fn misconfigured<B: From<String>>(error: ConfigError) -> Response<B> {
    log_misconfigured(&error, "a handler has no working throttle");
    let sentence = "the rate limiter is misconfigured".to_owned();
    let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, sentence);
    response.extensions_mut().insert(error);
    response
}

/// Logs a misconfigured throttle, at most once per second for each error, because every request causes it.
pub(crate) fn log_misconfigured(error: &ConfigError, message: &'static str) {
    static LIMITS: [LogLimit; 16] = [const { LogLimit::new() }; 16];
    let mut hasher = DefaultHasher::new();
    error.problems().hash(&mut hasher);
    let at = usize::try_from(hasher.finish() % LIMITS.len() as u64).unwrap_or_default();
    if let Some(omitted) = LIMITS[at].admit_now() {
        let omitted = omitted.field();
        tracing::error!(target: "throttle", %error, omitted, "{message}");
    }
}

fn text<B: From<String>>(status: StatusCode, body: String) -> Response<B> {
    let mut response = Response::new(B::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
