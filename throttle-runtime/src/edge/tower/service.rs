//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, mem};

use axum_core::body::Body;
use http::{Request, Response};
use tower_service::Service;

use super::body::ResponseBody;
use super::decide::{Denied, at_once, decide};
use super::future::ResponseFuture;
use super::plan::Plan;
use super::response::Answer;

/// A service that receives only the requests that a [`ThrottleLayer`](super::ThrottleLayer) admits.
///
/// ```
/// use axum::Router;
/// use throttle::{Settings, ThrottleLayer, tower::ThrottleService};
/// use tower_layer::Layer;
///
/// let limits = ThrottleLayer::new([("api", Settings::new().rate("100/min"))]);
/// let service: ThrottleService<Router> = limits.layer(Router::new());
/// ```
#[derive(Clone)]
pub struct ThrottleService<S> {
    inner: S,
    plan: Arc<Plan>,
}

impl<S> ThrottleService<S> {
    pub(super) const fn new(inner: S, plan: Arc<Plan>) -> Self {
        Self { inner, plan }
    }
}

impl<S, A, B> Service<Request<A>> for ThrottleService<S>
where
    S: Service<Request<A>, Response = Response<B>, Future: 'static> + Clone + Send + 'static,
    A: Send + 'static,
    B: ResponseBody,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let known = match at_once(&self.plan, &mut parts) {
            Some(Ok(permit)) => {
                return ResponseFuture::passed(self.inner.call(Request::from_parts(parts, body)), permit);
            }
            Some(Err(Denied::Answered(response))) => {
                // A service that was polled ready may hold a permit until it is called or dropped.
                self.inner = self.inner.clone();
                return ResponseFuture::denied(response);
            }
            Some(Err(Denied::Rejected(rejection))) => Some(rejection),
            None => None,
        };
        // The original was polled ready, and not the clone.
        let later = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, later);
        let plan = Arc::clone(&self.plan);
        ResponseFuture::deciding(async move {
            let decided = match known {
                Some(rejection) => Err(rejection),
                None => decide(&plan, &mut parts).await,
            };
            match decided {
                Ok(permit) => Ok((inner.call(Request::from_parts(parts, body)), permit)),
                Err(rejection) => Err(Answer::to(rejection, &mut parts).await),
            }
        })
    }
}

impl<S> fmt::Debug for ThrottleService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleService").field("plan", &self.plan).finish_non_exhaustive()
    }
}
