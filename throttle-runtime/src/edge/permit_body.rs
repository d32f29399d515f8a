//! Requests that count as in flight until the body of their response has ended.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::Error;
use axum_core::body::Body;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::backend::ConcurrencyPermit;

/// Holds the concurrency permits of a request until the body of the response has ended or is dropped.
pub(crate) fn until_end(response: &mut Response<Body>, held: Vec<ConcurrencyPermit>) {
    let body = response.body_mut();
    if held.is_empty() || body.is_end_stream() {
        return;
    }
    let inner = mem::take(body);
    *body = Body::new(UntilEnd { inner, held });
}

/// A body with the concurrency permits of its request.
struct UntilEnd {
    inner: Body,
    held: Vec<ConcurrencyPermit>,
}

impl HttpBody for UntilEnd {
    type Data = <Body as HttpBody>::Data;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.held.clear();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
