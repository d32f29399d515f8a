//! What the throttles that degrade decided about one request.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Decision;

/// What the throttles that [degrade](crate::Settings::degrade) decided about a request, each by its uid: those of the
/// layers around the handler and those of its attributes.
///
/// It is an extension of the request, where one of them was asked, and an extractor of handlers that never rejects.
/// A handler with one such throttle takes the [`Decision`] instead, which is the [strictest](Self::strictest).
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

/// The decision that admitted a request, for a handler that takes it. An extension of the request.
#[cfg(feature = "axum")]
#[derive(Debug, Clone)]
pub(crate) struct Admitted(pub(crate) Decision);

impl Decisions {
    /// Adds what was decided to a request.
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

    /// Each throttle's uid and decision, in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Decision)> {
        self.0.iter().map(|(uid, decision)| (&**uid, decision))
    }

    /// The decision of that throttle; `None` if it was not asked, or does not degrade.
    pub fn get(&self, uid: &str) -> Option<&Decision> {
        self.iter().find_map(|(known, decision)| (known == uid).then_some(decision))
    }

    /// The denial with the longest wait or, where all of them allowed, the decision that has the least left.
    pub fn strictest(&self) -> Option<&Decision> {
        Self::strictest_of(self.0.iter().map(|(_, decision)| decision))
    }

    pub(crate) fn strictest_of<'d>(decisions: impl Iterator<Item = &'d Decision>) -> Option<&'d Decision> {
        let strictness =
            |decision: &&Decision| (decision.strictness(), Reverse(decision.remaining().unwrap_or(u64::MAX)));
        decisions.max_by_key(strictness)
    }

    /// Whether one of them denied the request.
    pub fn is_throttled(&self) -> bool {
        self.0.iter().any(|(_, decision)| decision.is_throttled())
    }
}
