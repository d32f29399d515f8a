//! Denials that do not end the request: the handler receives the decision and can degrade its response.
//!
//! A throttle that degrades decides separately, as in dry-run mode, because its denial must not prevent the
//! charges of other throttles. The handler receives the decision as an extension of the request. So only code
//! that decides before the arguments are extracted can let a denied request continue: the guard, if it knows
//! its sites, and the layer.

use std::sync::Arc;

use crate::config::policy::Policy;
use crate::decision::{Decision, DecisionReason};

/// The receiver of the decisions of throttles that degrade. Without a receiver, their denials end the request
/// like all other denials, because otherwise the limit would have no effect.
pub(crate) enum DegradeSink {
    Nobody,
    /// The handler. Contains, by uid, the decisions of the degrading throttles that did not apply.
    #[cfg_attr(
        not(any(feature = "axum", feature = "tower")),
        expect(dead_code, reason = "no handlers without requests")
    )]
    Handler(Vec<(Arc<str>, Decision)>),
    /// The handler, which also takes the decision that admits its request. `Others` holds the results of the
    /// throttles that do not degrade.
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "only attributes know the arguments"))]
    Admitted(Vec<(Arc<str>, Decision)>, Others),
}

/// The results of throttles that do not degrade and that do not decide here.
#[derive(Default)]
pub(crate) struct Others {
    /// The reason why the first such throttle did not apply.
    pub(super) passed: Option<DecisionReason>,
    /// Earlier decisions about the request.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(super) earlier: Vec<Decision>,
}

impl DegradeSink {
    /// For a handler whose arguments are extracted after the decision.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) const fn handler() -> Self {
        Self::Handler(Vec::new())
    }

    /// For a handler that also takes the decision that admits its request.
    #[cfg(feature = "axum")]
    pub(crate) const fn admitted() -> Self {
        Self::Admitted(Vec::new(), Others { passed: None, earlier: Vec::new() })
    }

    /// Whether a denial by this policy lets the request continue.
    pub(crate) const fn of_denials_by(&self, policy: &Policy) -> bool {
        policy.degrade && matches!(self, Self::Handler(_) | Self::Admitted(..))
    }

    /// Records that a throttle did not apply. `uid` is set if the throttle degrades.
    pub(crate) fn of_passed(&mut self, uid: Option<Arc<str>>, reason: DecisionReason) {
        match (self, uid) {
            (Self::Handler(passed) | Self::Admitted(passed, _), Some(uid)) => {
                passed.push((uid, Decision::passed(reason)));
            }
            (Self::Admitted(_, others), None) => others.passed = others.passed.or(Some(reason)),
            _ => {}
        }
    }

    /// Records that a throttle decided about the request earlier. Decisions of throttles that degrade are
    /// already stored in the request.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn of_earlier(&mut self, policy: &Policy, decision: Decision) {
        if let Self::Admitted(_, others) = self
            && !policy.degrade
        {
            others.earlier.push(decision);
        }
    }
}
