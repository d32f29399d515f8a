//! What gRPC clients are answered: a status in the head of a response without a body, which HTTP calls 200.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use crate::admission::{Rejection, Stop};
use crate::http::answer;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

const PERMISSION_DENIED: HeaderValue = HeaderValue::from_static("7");
const RESOURCE_EXHAUSTED: HeaderValue = HeaderValue::from_static("8");
const INTERNAL: HeaderValue = HeaderValue::from_static("13");

/// The content type of a gRPC request: `application/grpc`, perhaps with an encoding or as gRPC-Web.
pub(super) fn content_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(CONTENT_TYPE)?;
    let (name, rest) = value.as_bytes().split_at_checked(b"application/grpc".len())?;
    let is = name.eq_ignore_ascii_case(b"application/grpc")
        && matches!(rest.first(), None | Some(b'+' | b'-' | b';'));
    is.then(|| value.clone())
}

/// The answer, or the rejection if that has a response of its own: clients read a status out of those of HTTP.
pub(super) fn answer(rejection: Rejection, content_type: HeaderValue) -> Result<Response<()>, Rejection> {
    let mut response = match rejection {
        Rejection::Throttled(throttled, _) => {
            let mut response = status(RESOURCE_EXHAUSTED, &throttled.message());
            throttled.write_headers(response.headers_mut());
            response
        }
        Rejection::Stopped(Stop::Forbidden) => {
            status(PERMISSION_DENIED, answer::forbidden::<String>().body())
        }
        Rejection::Stopped(Stop::Failed(error)) => internal(answer::failed(error)),
        Rejection::Misconfigured(error) => internal(answer::misconfigured(error)),
        Rejection::Stopped(Stop::Answered(_)) => return Err(rejection),
    };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

/// The same in the words of gRPC: the error stays an extension of the response.
fn internal(answer: Response<String>) -> Response<()> {
    let (head, message) = answer.into_parts();
    let mut response = status(INTERNAL, &message);
    *response.extensions_mut() = head.extensions;
    response
}

/// The messages are ASCII without `%`, so there is nothing in them to encode.
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
    fn whom_a_list_does_not_let_in_has_no_permission() {
        let content_type = HeaderValue::from_static("application/grpc");
        let answer = answer(Rejection::Stopped(Stop::Forbidden), content_type);
        let answer = answer.ok().expect("an answer of its own");
        assert_eq!(answer.headers().get(STATUS), Some(&PERMISSION_DENIED));
    }

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
