//! The effects of a backend's answer beside the decision.

use std::sync::Arc;

use super::reconcile;
use crate::Throttle;
use crate::backend::Charge;
use crate::config::policy::Policy;
use crate::resilience::PrimaryAnswer;

/// Records an answer of the backend: the fallback will start from the remaining quota, and unreconciled usage
/// is charged in the background.
///
/// If the charge came too late, returns how many of its units are refunded. A charge is too late if the
/// fallback has started since the call, and has admitted units that the backend no longer has.
pub(crate) fn hear(
    throttle: &Throttle,
    policy: &Arc<Policy>,
    charge: &Charge<'_>,
    answer: PrimaryAnswer<'_>,
) -> Option<u64> {
    let reconciler = policy.reconciler.as_ref()?;
    let late = reconciler.heard(charge, answer, throttle.environment().lookup.clock.now());
    reconcile::pay_others(throttle, policy);
    late
}

/// Returns the number of the last request that the throttle's fallback admitted. Read it before the backend
/// is called.
pub(crate) fn admissions(policy: &Policy) -> u64 {
    policy.reconciler.as_ref().map_or(0, |reconciler| reconciler.admissions())
}
