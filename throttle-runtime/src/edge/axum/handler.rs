//! The responses of handlers to denials: of requests, and of the program itself.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::response::Response;
use http::{Request, StatusCode};

use crate::config::resolver::{RequestContext, Resolver, role};
use crate::edge::responses::denied;
use crate::pipeline::throttled::Throttled;
use crate::registry::Registry;
use crate::util::shared::Shared;

/// Returns the response of a handler to a denial.
pub(crate) async fn shaped(
    throttled: Throttled,
    handler: Shared<dyn Resolver<role::handler>>,
    context: &mut RequestContext<'_>,
) -> Response {
    let throttled = throttled.handled();
    context.parts.extensions.insert(throttled.clone());
    let response = handler.resolve(context).await;
    context.parts.extensions.remove::<Throttled>();
    match response {
        Ok(mut response) => {
            // The status of a client on a `deny` list stays 403, even if the handler responds with 429.
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                *response.status_mut() = throttled.status();
            }
            throttled.complete(response.headers_mut());
            response
        }
        // The client is denied, even if an extractor of the handler fails.
        Err(_) => denied(&throttled),
    }
}

/// Returns the response to a denial of the program. Until a handler has seen the denial, the response carries
/// it as an extension, so that the throttle around the function can pass it to the handler of the request's
/// own registry.
pub(super) fn response(throttled: Throttled) -> Response {
    if let Some(registry) = Registry::installed()
        && let Some(response) = by(&registry, &throttled)
    {
        return response;
    }
    let mut response = denied(&throttled);
    response.extensions_mut().insert(throttled);
    response
}

/// Returns the response unchanged, or the response of the registry's handler if it is a denial of the
/// program.
pub(crate) fn reshaped(response: Response, registry: &Registry) -> Response {
    let Some(throttled) = response.extensions().get::<Throttled>().filter(|it| it.awaits_handler()) else {
        return response;
    };
    by(registry, throttled).unwrap_or(response)
}

/// Returns the response of the registry's default handler, if there is one and it does not wait.
fn by(registry: &Registry, throttled: &Throttled) -> Option<Response> {
    let handler = registry.default_handler()?;
    let (mut parts, ()) = Request::new(()).into_parts();
    let mut context = RequestContext {
        parts: &mut parts,
        state: &(),
        lookup: &registry.environment().lookup,
        is_request: true,
    };
    let shaping = pin!(shaped(throttled.clone(), handler, &mut context));
    match shaping.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => Some(response),
        Poll::Pending => None,
    }
}
