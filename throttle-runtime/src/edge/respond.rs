//! Completes the responses to admitted requests: refunds charges that `charge_when` rejects, and adds headers.
//!
//! A request that ends without a response stays charged. A throttle with `charge_when` does not use the fast
//! path, which stores neither the time of a charge nor the key.

use std::slice;

use http::Response;
use http::response::Parts;
use smallvec::SmallVec;
use tokio::runtime::Handle;

use crate::backend::{Charge, Mode};
use crate::config::policy::Policy;
use crate::decision::{Decision, Quota, Quotas};
use crate::http::header_fields::Report;
use crate::pipeline::admission::Admission;
use crate::pipeline::backend_call::refund;
use crate::pipeline::outcome::{Charged, Decided};
use crate::pipeline::ticket::Ticket;
use crate::throttle::counters::Event;
use crate::util::log_limit::LogLimit;

/// Applies `charge_when` to the response, and adds the headers of the decisions to it.
///
/// The memory backend refunds immediately, so that the headers report the quota after the refund. Refunds
/// that take time run in a task of their own. The response does not wait for them, and its headers report the
/// original decision.
pub(crate) fn settled<B>(mut admission: Admission<'static>, response: Response<B>) -> Response<B> {
    let (mut response, waived) = if admission.is_settled_by_response() {
        let (head, body) = response.into_parts();
        let waived = admission.waive(&head);
        (Response::from_parts(head, body), waived)
    } else {
        (response, SmallVec::new())
    };
    by_several(&mut response, &admission);
    if !waived.is_empty() {
        admission.give_back_later(waived);
    }
    response
}

/// Tickets, by index, with the charges to refund.
type Waived = SmallVec<[(usize, Charged); 2]>;

impl Admission<'static> {
    fn is_settled_by_response(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.policy.charge_when.is_some())
    }

    /// Refunds the charges that do not apply to a response with these parts, as far as the refund takes no
    /// time. Returns the other charges.
    fn waive(&mut self, head: &Parts) -> Waived {
        let mut waived = Waived::new();
        for (index, (ticket, decided)) in self.tickets.iter().zip(&mut self.decided).enumerate() {
            let Some(decided) = decided else { continue };
            let Some(charged) = decided.charged else { continue };
            if ticket.policy.charge_when.as_ref().is_none_or(|predicate| predicate.charges(head)) {
                continue;
            }
            match refund_at_once(ticket, charged) {
                Some(left) => {
                    let decision = Decision::by_backend(left).by(decided.decision.reason());
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
        let task = self.tickets.first().and_then(|ticket| ticket.throttle.environment().tasks.begin());
        runtime.spawn(async move {
            let _task = task;
            for (index, charged) in waived {
                let ticket = &self.tickets[index];
                if refund(ticket, charged).await {
                    ticket.throttle.count(Event::Refunded);
                }
            }
        });
    }
}

/// Refunds a charge of the memory backend, and returns the quotas after the refund.
fn refund_at_once(ticket: &Ticket<'_>, charged: Charged) -> Option<Quotas> {
    let backend = &ticket.policy.primary.backend;
    // Other backends may begin the work as soon as they are called, even if the future is not awaited.
    if charged.by_standby.is_some() || backend.engine().is_none() {
        return None;
    }
    let charge = Charge { taken: charged.taken, ..ticket.charge() };
    backend.refund(slice::from_ref(&charge), charged.at).ready().ok()?.ok()?;
    let question = [Charge { cost: 0, ..charge }];
    Some(backend.decide(&question, Mode::Peek).ready().ok()?.ok()?.quotas)
}

/// Adds the headers of one throttle with one limit that admitted the request.
pub(crate) fn by_one<B>(response: &mut Response<B>, policy: &Policy, quota: &Quota) {
    complete(response, policy, slice::from_ref(quota), false);
}

/// Adds the headers of all throttles that admitted the request, or whose denial the handler was told of.
pub(crate) fn by_several<B>(response: &mut Response<B>, admission: &Admission<'_>) {
    // A throttle in dry-run mode sends no headers.
    for (ticket, decided) in admission.decided().filter(|(ticket, _)| !ticket.dry) {
        complete(response, &ticket.policy, decided.decision.quotas(), decided.decision.is_throttled());
    }
}

fn complete<B>(response: &mut Response<B>, policy: &Policy, quotas: &[Quota], denied: bool) {
    let silent = policy.headers.is_silent() && !denied;
    if !silent {
        // `Retry-After` is only for rejected requests. A denial that the handler was told of carries none.
        Report { denied, ..Report::allowed(policy, quotas) }.write(response.headers_mut());
    }
}
