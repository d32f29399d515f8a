//! Charging by what became of a request: what was taken before it is given back if its response says so.

use http::Response;
use http::response::Parts;
use smallvec::SmallVec;
use tokio::runtime::Handle;

use super::backend::refund;
use super::{Admission, Charged, Decided, Ticket};
use crate::backend::{Charge, Mode};
use crate::counters::Event;
use crate::http::passed;
use crate::log_limit::LogLimit;
use crate::{Decision, Quotas};

/// The response with what the decisions say about the limits, and settled.
///
/// Memory has its charge back at once, so that the fields say what is left then. What takes time is given back in a task
/// of its own: no response waits for that, and its fields say what was decided.
pub(crate) fn settled<B>(mut admission: Admission<'static>, response: Response<B>) -> Response<B> {
    let (mut response, waived) = if admission.is_settled_by_response() {
        let (head, body) = response.into_parts();
        let waived = admission.waive(&head);
        (Response::from_parts(head, body), waived)
    } else {
        (response, SmallVec::new())
    };
    passed::by_several(&mut response, &admission);
    if !waived.is_empty() {
        admission.give_back_later(waived);
    }
    response
}

/// Tickets by their numbers, and what was taken.
type Waived = SmallVec<[(usize, Charged); 2]>;

impl Admission<'static> {
    fn is_settled_by_response(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.policy.charge_when.is_some())
    }

    /// Gives back what a response of that head is not charged, as far as that takes no time; the rest is the answer.
    fn waive(&mut self, head: &Parts) -> Waived {
        let mut waived = Waived::new();
        for (index, (ticket, decided)) in self.tickets.iter().zip(&mut self.decided).enumerate() {
            let Some(decided) = decided else { continue };
            let Some(charged) = decided.charged else { continue };
            if ticket.policy.charge_when.as_ref().is_none_or(|judge| judge.charges(head)) {
                continue;
            }
            match refund_at_once(ticket, charged) {
                Some(left) => {
                    let decision = Decision::by_backend(left).by(decided.decision.source());
                    *decided = Decided { decision, charged: None };
                    ticket.throttle.count(Event::Refunded);
                }
                None => waived.push((index, charged)),
            }
        }
        waived
    }

    fn give_back_later(self, waived: Waived) {
        let Ok(runtime) = Handle::try_current() else {
            static NO_RUNTIME: LogLimit = LogLimit::new();
            if let Some(omitted) = NO_RUNTIME.admit_now() {
                let omitted = omitted.field();
                tracing::warn!(target: "throttle", omitted, "charges are not refunded: the response was made outside of a tokio runtime");
            }
            return;
        };
        let under_way = self.tickets.first().and_then(|ticket| ticket.throttle.common().under_way.begin());
        runtime.spawn(async move {
            let _under_way = under_way;
            for (index, charged) in waived {
                let ticket = &self.tickets[index];
                if refund(ticket, charged).await {
                    ticket.throttle.count(Event::Refunded);
                }
            }
        });
    }
}

/// Gives back what the memory backend took; what is left then.
fn refund_at_once(ticket: &Ticket<'_>, charged: Charged) -> Option<Quotas> {
    let backend = &ticket.policy.primary.backend;
    // Others may begin with what they are asked as soon as they are.
    if charged.by_standby.is_some() || backend.engine().is_none() {
        return None;
    }
    let charge = Charge { taken: charged.taken, ..ticket.charge() };
    backend.refund(std::slice::from_ref(&charge), charged.at).ready().ok()?.ok()?;
    let question = [Charge { cost: 0, ..charge }];
    Some(backend.decide(&question, Mode::Peek).ready().ok()?.ok()?.quotas)
}
