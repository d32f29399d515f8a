//! Calls a `caller` function once per request. Alone because roles import [`Caller`], and this imports roles.

use std::any::TypeId;

use smallvec::SmallVec;

use super::Caller;
use crate::config::resolver::{EarlyResponse, RequestContext, Resolver, role};

/// The callers of a request, by the function that returned them. They are an extension of the request, which a
/// layer passes on to the handler.
#[derive(Clone, Default)]
struct Callers(SmallVec<[(TypeId, Caller); 1]>);

/// Returns the caller of the request. Calls the function only if it was not called for this request before.
pub(crate) async fn resolve(
    function: &dyn Resolver<role::caller>,
    context: &mut RequestContext<'_>,
) -> Result<Caller, EarlyResponse> {
    let Some(id) = function.function() else { return function.resolve(context).await };
    let known = context.parts.extensions.get::<Callers>();
    if let Some((_, caller)) = known.and_then(|known| known.0.iter().find(|(known, _)| *known == id)) {
        return Ok(caller.clone());
    }
    let caller = function.resolve(context).await?;
    let mut known = context.parts.extensions.remove::<Callers>().unwrap_or_default();
    known.0.push((id, caller.clone()));
    context.parts.extensions.insert(known);
    Ok(caller)
}
