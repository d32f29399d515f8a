//! What the response to an admitted request says about the limits.

use std::slice;

use http::Response;

use super::fields::Report;
use crate::Quota;
use crate::admission::Admission;
use crate::policy::Policy;

/// One throttle with one limit admitted it.
pub(crate) fn by_one<B>(response: &mut Response<B>, policy: &Policy, quota: &Quota) {
    complete(response, policy, slice::from_ref(quota), false);
}

/// All of these admitted it, or have told its handler that they did not.
pub(crate) fn by_several<B>(response: &mut Response<B>, admission: &Admission<'_>) {
    // A dry run tells nobody of its limits.
    for (ticket, decided) in admission.decided().filter(|(ticket, _)| !ticket.dry) {
        complete(response, &ticket.policy, decided.decision.quotas(), decided.decision.is_throttled());
    }
}

fn complete<B>(response: &mut Response<B>, policy: &Policy, quotas: &[Quota], denied: bool) {
    let silent = policy.headers.is_silent() && !denied;
    if !silent {
        // `Retry-After` is for those who got nothing, so a denial that the handler was told of has none.
        Report { denied, ..Report::allowed(policy, quotas) }.write(response.headers_mut());
    }
}
