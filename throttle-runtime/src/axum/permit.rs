//! An admitted request, until its response says so.

use std::{fmt, slice};

use axum::response::Response;

use crate::Quota;
use crate::admission::Admission;
use crate::http::fields::Report;
use crate::policy::Policy;

/// A request was admitted.
pub struct Permit(By);

/// By whom. The second is boxed, as it goes through the futures of every handler: there its size cost more, to run
/// and above all to compile.
enum By {
    One(&'static Policy, Quota),
    Several(Box<Admission<'static>>),
}

impl Permit {
    /// By the only throttle of a handler.
    pub(super) const fn by_one(policy: &'static Policy, quota: Quota) -> Self {
        Self(By::One(policy, quota))
    }

    pub(super) fn by_several(admission: Admission<'static>) -> Self {
        Self(By::Several(Box::new(admission)))
    }

    /// The handler's response with what the decision says about the limits.
    pub fn respond(self, mut response: Response) -> Response {
        match self.0 {
            By::One(policy, quota) => complete(&mut response, policy, slice::from_ref(&quota)),
            By::Several(admission) => {
                for (ticket, decided) in admission.tickets.iter().zip(admission.decided.iter().flatten()) {
                    complete(&mut response, &ticket.policy, decided.decision.quotas());
                }
            }
        }
        response
    }
}

fn complete(response: &mut Response, policy: &Policy, quotas: &[Quota]) {
    // A client that is told of an exhausted limit may not follow a redirect, so it is not told there.
    let misleading =
        || response.status().is_redirection() && quotas.iter().any(|quota| quota.remaining() == 0);
    if !policy.headers.is_silent() && !policy.dry_run && !misleading() {
        Report::allowed(policy, quotas).write(response.headers_mut());
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
