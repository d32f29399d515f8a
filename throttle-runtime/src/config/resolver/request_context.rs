//! The input of plug-in functions. Alone because resolvers of every role, and all edges, import it.

use std::any::Any;

use http::request::Parts;

use crate::http::client_lookup::ClientLookup;

/// The parts of the request that is decided, the state of its router, and the shared parts of the active
/// registry.
pub struct RequestContext<'a> {
    pub(crate) parts: &'a mut Parts,
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "functions see state through extractors"))]
    pub(crate) state: &'a (dyn Any + Send + Sync),
    pub(crate) lookup: &'a ClientLookup,
    /// Whether there is a request at all. Rules and lists only apply to requests.
    pub(crate) is_request: bool,
}

impl RequestContext<'_> {
    /// Returns the state in the type that the plug-in was declared with. `()` works with every router.
    #[cfg(feature = "axum")]
    pub(crate) fn parts_and_state<S: 'static>(&mut self) -> Option<(&mut Parts, &S)> {
        let state = self.state.downcast_ref().or_else(|| (&() as &dyn Any).downcast_ref());
        state.map(|state| (&mut *self.parts, state))
    }
}

impl std::fmt::Debug for RequestContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestContext")
    }
}
