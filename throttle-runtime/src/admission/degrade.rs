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
    /// The handler, which also takes the decision that admits its request; and what is known of the other throttles.
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "only attributes know the arguments"))]
    Admitted(Vec<(Arc<str>, Decision)>, Others),
}

/// Throttles that do not degrade, and that do not decide here.
#[derive(Default)]
pub(crate) struct Others {
    /// Why the first one did not apply.
    passed: Option<Source>,
    /// Decisions that were made about the request before.
    #[cfg(any(feature = "axum", feature = "tower"))]
    earlier: Vec<Decision>,
}

impl Told {
    /// The handler, which is there before its arguments are.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) const fn handler() -> Self {
        Self::Handler(Vec::new())
    }

    /// The same for a handler that takes the decision that admits its request.
    #[cfg(feature = "axum")]
    pub(crate) const fn admitted() -> Self {
        Self::Admitted(Vec::new(), Others { passed: None, earlier: Vec::new() })
    }

    /// Whether a denial by that policy lets the request go on.
    pub(super) const fn of_denials_by(&self, policy: &Policy) -> bool {
        policy.degrade && matches!(self, Self::Handler(_) | Self::Admitted(..))
    }

    /// A throttle did not apply. It has a uid if it degrades.
    pub(super) fn of_passed(&mut self, uid: Option<Arc<str>>, source: Source) {
        match (self, uid) {
            (Self::Handler(passed) | Self::Admitted(passed, _), Some(uid)) => {
                passed.push((uid, Decision::passed(source)));
            }
            (Self::Admitted(_, others), None) => others.passed = others.passed.or(Some(source)),
            _ => {}
        }
    }

    /// A throttle has decided about the request before. Decisions of throttles that degrade are with the request already.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(super) fn of_earlier(&mut self, policy: &Policy, decision: Decision) {
        if let Self::Admitted(_, others) = self
            && !policy.degrade
        {
            others.earlier.push(decision);
        }
    }
}

#[cfg(any(feature = "axum", feature = "tower"))]
impl Admission<'_> {
    /// Leaves with the request the decisions of the throttles that degrade, and the one that admitted it if its handler
    /// takes that.
    pub(crate) fn tell(&mut self, request: &mut http::Extensions) {
        let (Told::Handler(passed) | Told::Admitted(passed, _)) = &mut self.told else { return };
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
        #[cfg(feature = "axum")]
        if let Told::Admitted(_, Others { passed, earlier }) = &self.told {
            let others = self.decided().filter(|(ticket, _)| !ticket.policy.degrade);
            let decisions = others.map(|(_, decided)| &decided.decision).chain(earlier);
            let strictest = crate::Decisions::strictest_of(decisions).cloned();
            if let Some(decision) = strictest.or_else(|| passed.map(Decision::passed)) {
                request.insert(crate::decision::Admitted(decision));
            }
        }
    }
}
