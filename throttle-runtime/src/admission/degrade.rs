//! Denials that do not end the request: its handler is told, and does less.

use std::sync::Arc;

#[cfg(any(feature = "axum", feature = "tower"))]
use super::Admission;
use crate::policy::Policy;
use crate::{Decision, Source};

/// Who learns of the decisions of throttles that degrade. Where nobody does, their denials end the request like all
/// others: a limit that nothing acts upon would be none.
pub(crate) enum Told {
    Nobody,
    /// The handler; and what throttles decided that did not apply, by their uids.
    #[cfg_attr(
        not(any(feature = "axum", feature = "tower")),
        expect(dead_code, reason = "no handlers without requests")
    )]
    Handler(Vec<(Arc<str>, Decision)>),
}

impl Told {
    /// The handler, which is there before its arguments are.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) const fn handler() -> Self {
        Self::Handler(Vec::new())
    }

    /// Whether a denial by that policy lets the request go on.
    pub(super) const fn of_denials_by(&self, policy: &Policy) -> bool {
        policy.degrade && matches!(self, Self::Handler(_))
    }

    /// A throttle that degrades, if there is a uid, did not apply.
    pub(super) fn of_passed(&mut self, uid: Option<Arc<str>>, source: Source) {
        if let (Self::Handler(passed), Some(uid)) = (self, uid) {
            passed.push((uid, Decision::passed(source)));
        }
    }
}

#[cfg(any(feature = "axum", feature = "tower"))]
impl Admission<'_> {
    /// Leaves with the request what the throttles that degrade have decided.
    pub(crate) fn tell(&mut self, request: &mut http::Extensions) {
        let Told::Handler(passed) = &mut self.told else { return };
        let mut told = std::mem::take(passed);
        for (ticket, decided) in self.decided() {
            if ticket.policy.degrade {
                let (uid, decision) = (ticket.throttle.uid_shared(), &decided.decision);
                if decision.is_throttled() {
                    tracing::debug!(target: "throttle", uid = &**uid, retry_after = ?decision.retry_after(), "degraded");
                }
                told.push((Arc::clone(uid), decision.clone()));
            }
        }
        crate::Decisions::add(request, told);
    }
}
