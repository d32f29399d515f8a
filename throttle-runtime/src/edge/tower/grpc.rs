//! Responses to gRPC clients: a gRPC status in the headers of a response with HTTP status 200 and without a
//! body.

#[cfg(feature = "axum")]
use http::StatusCode;
use http::header::CONTENT_TYPE;
#[cfg(feature = "axum")]
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::edge::responses;
use crate::pipeline::prepare::Stop;
use crate::pipeline::rejection::Rejection;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

const PERMISSION_DENIED: HeaderValue = HeaderValue::from_static("7");
const RESOURCE_EXHAUSTED: HeaderValue = HeaderValue::from_static("8");
const INTERNAL: HeaderValue = HeaderValue::from_static("13");

/// Returns the content type of a gRPC request: `application/grpc`, optionally with an encoding or as
/// gRPC-Web.
pub(super) fn content_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(CONTENT_TYPE)?;
    let (name, rest) = value.as_bytes().split_at_checked(b"application/grpc".len())?;
    let is = name.eq_ignore_ascii_case(b"application/grpc")
        && matches!(rest.first(), None | Some(b'+' | b'-' | b';'));
    is.then(|| value.clone())
}

/// Stores the address of the peer in the request, if only tonic knows it: under TLS.
#[cfg(feature = "tonic")]
pub(super) fn find_peer(parts: &mut http::request::Parts) {
    use tonic::metadata::MetadataMap;

    if crate::http::peer::peer(&parts.extensions, &[]).is_some() || content_type(&parts.headers).is_none() {
        return;
    }
    let extensions = std::mem::take(&mut parts.extensions);
    let request = tonic::Request::from_parts(MetadataMap::new(), extensions, ());
    let peer = request.remote_addr();
    (_, parts.extensions, ()) = request.into_parts();
    if let Some(peer) = peer {
        parts.extensions.insert(peer);
    }
}

/// Returns the response to a rejection.
pub(super) fn answer(rejection: Rejection, content_type: HeaderValue) -> Response<()> {
    let mut response = match rejection {
        Rejection::Throttled(throttled, _) => {
            let mut response = status(RESOURCE_EXHAUSTED, &throttled.message());
            throttled.write_headers(response.headers_mut());
            response
        }
        Rejection::Stopped(Stop::Forbidden(throttled)) => status(PERMISSION_DENIED, &throttled.message()),
        Rejection::Stopped(Stop::Failed(error)) => internal(responses::failed(error)),
        Rejection::Misconfigured(error) => internal(responses::misconfigured(error)),
        #[cfg(feature = "axum")]
        Rejection::Stopped(Stop::Answered(response)) => refused(response.into_parts().0),
        #[cfg(not(feature = "axum"))]
        Rejection::Stopped(Stop::Answered(never)) => match never {},
    };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Translates the response of a function that refused the request, such as a `key` function that returns
/// `Err`. Its headers become the metadata. Its status is translated, unless it has a gRPC status already. Its
/// body is not sent.
#[cfg(feature = "axum")]
fn refused(head: http::response::Parts) -> Response<()> {
    let mut response = if head.headers.contains_key(STATUS) {
        Response::new(())
    } else {
        let reason = head.status.canonical_reason().unwrap_or("the request was refused");
        status(HeaderValue::from_static(code(head.status)), reason)
    };
    let of_body = [CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING];
    for (name, value) in head.headers.iter().filter(|(name, _)| !of_body.contains(name)) {
        response.headers_mut().append(name, value.clone());
    }
    *response.extensions_mut() = head.extensions;
    response
}

/// Returns the gRPC code for an HTTP status, by the table in `google/rpc/code.proto`.
#[cfg(feature = "axum")]
const fn code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "3",        // INVALID_ARGUMENT
        401 => "16",       // UNAUTHENTICATED
        403 => "7",        // PERMISSION_DENIED
        404 => "5",        // NOT_FOUND
        408 | 504 => "4",  // DEADLINE_EXCEEDED
        409 => "10",       // ABORTED
        412 => "9",        // FAILED_PRECONDITION
        416 => "11",       // OUT_OF_RANGE
        429 => "8",        // RESOURCE_EXHAUSTED
        499 => "1",        // CANCELLED
        501 => "12",       // UNIMPLEMENTED
        502 | 503 => "14", // UNAVAILABLE
        500..=599 => "13", // INTERNAL
        _ => "2",          // UNKNOWN
    }
}

/// Translates an internal error to gRPC. The error stays an extension of the response.
fn internal(answer: Response<String>) -> Response<()> {
    let (head, message) = answer.into_parts();
    let mut response = status(INTERNAL, &message);
    *response.extensions_mut() = head.extensions;
    response
}

/// Returns a response with this gRPC status. The messages are ASCII without `%`, so nothing has to be
/// encoded.
fn status(code: HeaderValue, message: &str) -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert(STATUS, code);
    if let Ok(message) = HeaderValue::from_str(message) {
        response.headers_mut().insert(MESSAGE, message);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_of_grpc_are_known_from_others() {
        let is = |value: &'static str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            content_type(&headers).is_some()
        };
        let theirs = [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc-web-text",
            "Application/gRPC;x=y",
        ];
        assert!(theirs.into_iter().all(is));
        assert!(!["", "application/json", "application/grp", "application/grpcx"].into_iter().any(is));
        assert!(content_type(&HeaderMap::new()).is_none());
    }
}
