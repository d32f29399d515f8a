//! The headers of responses to admitted requests.

use std::slice;

use http::Response;

use crate::Quota;
use crate::config::policy::Policy;
use crate::http::header_fields::Report;
use crate::pipeline::admission::Admission;

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
