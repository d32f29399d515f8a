//! Requests that are in flight until the body of their response has ended.

use std::any::Any;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http::Response;
use http_body::{Frame, SizeHint};

use crate::backend::Held;

/// Lets a request hold its places until the body of the response has ended or is given up; if that is none of axum's, until now.
pub(crate) fn until_end<B: 'static>(response: &mut Response<B>, held: Vec<Held>) {
    if held.is_empty() {
        return;
    }
    if let Some(body) = (response.body_mut() as &mut dyn Any).downcast_mut::<Body>()
        && !body.is_end_stream()
    {
        let inner = mem::take(body);
        *body = Body::new(UntilEnd { inner, held });
    }
}

/// A body with the places of its request.
struct UntilEnd {
    inner: Body,
    held: Vec<Held>,
}

impl HttpBody for UntilEnd {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
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
