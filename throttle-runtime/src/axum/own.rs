//! Denials that the program raises itself, in the form of the registry's default handler.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::response::Response;
use http::Request;

use super::reject::shaped;
use crate::http::answer::denied;
use crate::plug::Head;
use crate::{Registry, Throttled};

/// The response to a denial by the program. It carries the denial as an extension as long as no handler has seen it, so
/// that the throttle around the function can give it to the handler of the request's own registry.
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

/// The response, or what that registry's handler makes of it if it is a denial by the program.
pub(crate) fn reshaped(response: Response, registry: &Registry) -> Response {
    let Some(throttled) = response.extensions().get::<Throttled>().filter(|it| it.awaits_handler()) else {
        return response;
    };
    by(registry, throttled).unwrap_or(response)
}

/// The response of the registry's default handler, if there is one and it does not wait.
fn by(registry: &Registry, throttled: &Throttled) -> Option<Response> {
    let handler = registry.default_handler()?;
    let (mut parts, ()) = Request::new(()).into_parts();
    let mut head = Head { parts: &mut parts, state: &(), common: registry.common(), is_request: true };
    let shaping = pin!(shaped(throttled.clone(), handler, &mut head));
    match shaping.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => Some(response),
        Poll::Pending => None,
    }
}
