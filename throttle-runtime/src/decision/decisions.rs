//! The decisions of throttles that degrade, for one request.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Decision;

/// The decisions of all throttles that [degrade](crate::Settings::degrade) for a request, by uid. They come
/// from the layers around the handler and from the handler's attributes.
///
/// If such a throttle made a decision, this is an extension of the request. It is also an extractor for
/// handlers that never rejects a request. A handler with one such throttle can use [`Decision`] instead,
/// which is the [strictest](Self::strictest) decision.
///
/// ```
/// use throttle::{Decisions, throttle};
///
/// #[throttle(uid = "search:client", rate = "10/s", degrade)]
/// #[throttle(uid = "search:all", rate = "1000/s", key = global, degrade)]
/// async fn search(decisions: Decisions) -> &'static str {
///     match (decisions.get("search:all"), decisions.get("search:client")) {
///         (Some(all), _) if all.is_throttled() => "we are busy",
///         (_, Some(client)) if client.is_throttled() => "from the cache",
///         _ => "from the index",
///     }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(search));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Decisions(Vec<(Arc<str>, Decision)>);

/// The decision that admitted a request, for a handler with a `Decision` argument. It is an extension of the
/// request.
#[cfg(feature = "axum")]
#[derive(Debug, Clone)]
pub(crate) struct Admitted(pub(crate) Decision);

impl Decisions {
    /// Adds decisions to a request.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn add(request: &mut http::Extensions, decided: Vec<(Arc<str>, Decision)>) {
        if decided.is_empty() {
            return;
        }
        match request.get_mut::<Self>() {
            Some(known) => known.0.extend(decided),
            None => drop(request.insert(Self(decided))),
        }
    }

    /// Returns the uid and the decision of each throttle, in the order of the decisions.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Decision)> {
        self.0.iter().map(|(uid, decision)| (&**uid, decision))
    }

    /// Returns the decision of that throttle, or `None` if the throttle made no decision or does not degrade.
    pub fn get(&self, uid: &str) -> Option<&Decision> {
        self.iter().find_map(|(known, decision)| (known == uid).then_some(decision))
    }

    /// Returns the denial with the longest wait. If all decisions allow the request, returns the one with the
    /// least remaining units.
    pub fn strictest(&self) -> Option<&Decision> {
        Self::strictest_of(self.0.iter().map(|(_, decision)| decision))
    }

    pub(crate) fn strictest_of<'d>(decisions: impl Iterator<Item = &'d Decision>) -> Option<&'d Decision> {
        let strictness =
            |decision: &&Decision| (decision.strictness(), Reverse(decision.remaining().unwrap_or(u64::MAX)));
        decisions.max_by_key(strictness)
    }

    /// Returns whether one of the throttles denied the request.
    pub fn is_throttled(&self) -> bool {
        self.0.iter().any(|(_, decision)| decision.is_throttled())
    }
}
