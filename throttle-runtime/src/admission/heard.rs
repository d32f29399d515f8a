//! What becomes of an answer of the backend beside the decision.

use std::sync::Arc;

use super::debts;
use crate::backend::Charge;
use crate::policy::Policy;
use crate::{Quota, Throttle};

/// The backend has decided: its fallback begins with what is left, and usage that is owed is charged in the background.
/// If the charge came too late, returns how many units of it are refunded: the fallback, which has begun since the call,
/// has admitted what the backend has no room for.
pub(super) fn hear(
    throttle: &Throttle,
    policy: &Arc<Policy>,
    charge: &Charge<'_>,
    quotas: &[Quota],
    (at, sent): (u64, u64),
) -> Option<u64> {
    let carry = policy.carry.as_ref()?;
    let late = carry.heard(charge, (quotas, at), throttle.common().clock.now(), sent);
    debts::pay_others(throttle, policy);
    late
}

/// How many requests the fallback of a throttle has admitted: read it before its backend is called.
pub(super) fn admissions(policy: &Policy) -> u64 {
    policy.carry.as_ref().map_or(0, |carry| carry.admissions())
}
