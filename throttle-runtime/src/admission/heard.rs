//! What becomes of an answer of the backend beside the decision.

use std::sync::Arc;

use super::debts;
use crate::backend::Charge;
use crate::policy::Policy;
use crate::{Quota, Throttle};

/// The backend has decided: another one may have to decide about the same identity soon, and those who owe something may
/// pay.
pub(super) fn hear(
    throttle: &Throttle,
    policy: &Arc<Policy>,
    charge: &Charge<'_>,
    quotas: &[Quota],
    at: u64,
) {
    if let Some(carry) = &policy.carry {
        carry.heard(charge, quotas, at, throttle.common().clock.now());
        debts::pay_others(throttle, policy);
    }
}
