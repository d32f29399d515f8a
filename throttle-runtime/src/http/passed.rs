//! What the response to an admitted request says about the limits.

use std::slice;

use http::Response;

use super::fields::Report;
use crate::Quota;
use crate::admission::Admission;
use crate::policy::Policy;

/// One throttle with one limit admitted it.
pub(crate) fn by_one<B>(response: &mut Response<B>, policy: &Policy, quota: &Quota) {
    complete(response, policy, slice::from_ref(quota));
}

/// All of these admitted it.
pub(crate) fn by_several<B>(response: &mut Response<B>, admission: &Admission<'_>) {
    for (ticket, decided) in admission.decided() {
        complete(response, &ticket.policy, decided.decision.quotas());
    }
}

fn complete<B>(response: &mut Response<B>, policy: &Policy, quotas: &[Quota]) {
    // A client that is told of an exhausted limit may not follow a redirect, so it is not told there.
    let misleading =
        || response.status().is_redirection() && quotas.iter().any(|quota| quota.remaining() == 0);
    if !policy.headers.is_silent() && !policy.dry_run && !misleading() {
        Report::allowed(policy, quotas).write(response.headers_mut());
    }
}
