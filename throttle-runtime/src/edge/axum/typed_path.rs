//! Throttled handlers in typed routes of `axum_extra`. Alone because it needs the `axum-extra` feature.

use std::fmt;

use axum_extra::routing::TypedPath;

use super::guard::OnlyAxumCallsThrottledHandlers;
use super::handler_needs::HandlerSignature;

/// `typed_get` and its siblings read the path of a route from the type of a handler's first argument. The
/// first argument of a throttled handler is the hidden parameter, so it has the path of the argument after
/// it.
impl<const SITE: u64, C, P: TypedPath, R> TypedPath
    for OnlyAxumCallsThrottledHandlers<SITE, C, HandlerSignature<P, R>>
{
    const PATH: &'static str = P::PATH;
}

/// Required by [`TypedPath`], for links. No handler returns this argument.
impl<const SITE: u64, C, P: TypedPath, R> fmt::Display
    for OnlyAxumCallsThrottledHandlers<SITE, C, HandlerSignature<P, R>>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(P::PATH)
    }
}
