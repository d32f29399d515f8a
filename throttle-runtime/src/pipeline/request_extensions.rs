//! Stores the decisions about a request in the request: for its handler, and for throttles that it reaches later.

use std::sync::Arc;

use super::admission::Admission;
use super::degrade::DegradeSink;
#[cfg(feature = "axum")]
use super::degrade::Others;
#[cfg(feature = "axum")]
use super::once_per_request::Pending;
use super::once_per_request::{Reach, Reached, Reaches};
#[cfg(feature = "axum")]
use crate::decision::Decision;

impl Admission<'_> {
    /// Stores in the request the decisions of the throttles that degrade. If the handler takes the decision
    /// that admitted the request, stores that too.
    pub(crate) fn tell(&mut self, request: &mut http::Extensions) {
        let (DegradeSink::Handler(passed) | DegradeSink::Admitted(passed, _)) = &mut self.sink else {
            return;
        };
        let mut decisions = std::mem::take(passed);
        for (ticket, decided) in self.decided() {
            if ticket.policy.degrade {
                let (uid, decision) = (ticket.throttle.uid_shared(), &decided.decision);
                if decision.is_throttled() {
                    tracing::debug!(target: "throttle", uid = &**uid, retry_after = ?decision.retry_after(), "degraded");
                }
                decisions.push((Arc::clone(uid), decision.clone()));
            }
        }
        crate::decision::Decisions::add(request, decisions);
        #[cfg(feature = "axum")]
        if let DegradeSink::Admitted(_, Others { passed, earlier }) = &self.sink {
            let others = self.decided().filter(|(ticket, _)| !ticket.policy.degrade);
            let decisions = others.map(|(_, decided)| &decided.decision).chain(earlier);
            let strictest = crate::decision::Decisions::strictest_of(decisions).cloned();
            if let Some(decision) = strictest.or_else(|| passed.map(Decision::passed)) {
                request.insert(crate::decision::Admitted(decision));
            }
        }
    }

    /// Stores the decisions in the request, which is passed on.
    pub(crate) fn mark(&self, request: &mut http::Extensions) {
        Reached::add(request, self.reaches());
    }

    /// Stores the decisions in an entry of a request that was extracted before.
    #[cfg(feature = "axum")]
    pub(crate) fn fill(&self, pending: &Pending) {
        pending.fill(self.reaches());
    }

    fn reaches(&self) -> Reaches {
        let counts_once = self.decided().filter(|(ticket, _)| ticket.policy.once_per_request);
        let reaches = counts_once.map(|(ticket, decided)| {
            ticket.throttle.mark();
            Reach::of(ticket, &decided.decision)
        });
        reaches.collect()
    }
}
