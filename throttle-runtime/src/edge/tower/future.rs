//! The response future of a limited service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use axum_core::body::Body;
use http::Response;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::decide::Admitted;
use super::response::Answer;
use crate::util::now_or_later::BoxFuture;

pin_project! {
    /// The response of a [`ThrottleService`](super::ThrottleService), whose service answers with a future `F`.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use axum::{Router, body::Body, extract::Request, response::Response};
    /// use throttle::tower::{ResponseFuture, ThrottleService};
    /// use tower_service::Service;
    ///
    /// async fn send(service: &mut ThrottleService<Router>) -> Result<Response, Infallible> {
    ///     let response: ResponseFuture<_> = service.call(Request::new(Body::empty()));
    ///     response.await
    /// }
    /// # let _ = send;
    /// ```
    pub struct ResponseFuture<F> {
        // Decisions that call a function or wait, and denials by a handler or as a gRPC status, are boxed together
        // with the request. Admissions allocate no future.
        deciding: Option<BoxFuture<'static, Result<(F, Admitted), Answer>>>,
        // The response to a request that was denied immediately. Boxed, because the future is moved with every request.
        denied: Option<Box<Response<Body>>>,
        #[pin]
        inner: Option<F>,
        permit: Admitted,
    }
}

impl<F> ResponseFuture<F> {
    /// For an admitted request.
    pub(super) const fn passed(inner: F, permit: Admitted) -> Self {
        Self { deciding: None, denied: None, inner: Some(inner), permit }
    }

    /// For a denied request with this response.
    pub(super) const fn denied(response: Box<Response<Body>>) -> Self {
        Self { deciding: None, denied: Some(response), inner: None, permit: Admitted::Bypassed }
    }

    /// For a request whose decision or response is not finished.
    pub(super) fn deciding(
        deciding: impl Future<Output = Result<(F, Admitted), Answer>> + Send + 'static,
    ) -> Self {
        Self { deciding: Some(Box::pin(deciding)), denied: None, inner: None, permit: Admitted::Bypassed }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: ResponseBody,
{
    type Output = Result<Response<Body>, E>;

    /// # Panics
    ///
    /// Panics if it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(deciding) = this.deciding {
            let decided = ready!(deciding.as_mut().poll(context));
            *this.deciding = None;
            match decided {
                Ok((inner, permit)) => {
                    this.inner.set(Some(inner));
                    *this.permit = permit;
                }
                Err(answer) => return Poll::Ready(Ok(answer.into_response())),
            }
        }
        if let Some(response) = this.denied.take() {
            return Poll::Ready(Ok(*response));
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            panic!("`ResponseFuture` polled after it was ready")
        };
        let answer = ready!(inner.poll(context));
        this.inner.set(None);
        // The permit is moved out of this future, which may be kept for a while.
        let permit = mem::replace(this.permit, Admitted::Bypassed);
        Poll::Ready(answer.map(|response| permit.respond(response)))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
