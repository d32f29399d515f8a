//! Reconciliation: the fallback starts from what the primary reported, and the primary is charged, once it is
//! back, with what the fallback admitted.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::backend_call::Budget;
use super::ticket::Ticket;
use crate::backend::{Charge, Mode};
use crate::config::policy::Policy;
use crate::error::BackendError;
use crate::resilience::PrimaryAnswer;
use crate::throttle::Throttle;

/// Records an answer of the backend: the fallback will start from the remaining quota, and unreconciled usage
/// is charged in the background.
///
/// If the charge came too late, returns how many of its units are refunded. A charge is too late if the
/// fallback has started since the call, and has admitted units that the backend no longer has.
pub(crate) fn record_answer(
    throttle: &Throttle,
    policy: &Arc<Policy>,
    charge: &Charge<'_>,
    answer: PrimaryAnswer<'_>,
) -> Option<u64> {
    let reconciler = policy.reconciler.as_ref()?;
    let late = reconciler.record_answer(charge, answer, throttle.environment().lookup.clock.now());
    pay_others(throttle, policy);
    late
}

/// Returns the number of the last request that the throttle's fallback admitted. Read it before the backend
/// is called.
pub(crate) fn admissions(policy: &Policy) -> u64 {
    policy.reconciler.as_ref().map_or(0, |reconciler| reconciler.admissions())
}

/// Charges the primary with the unreconciled usage of these tickets' identities. Returns `false` if another
/// request is reconciling that usage: until it is done the fallback decides, because only the fallback has
/// counted that usage. A call in the mode `Peek` charges nothing, and returns `false` too.
pub(crate) async fn pay(tickets: &[&Ticket<'_>], mode: Mode, budget: Budget) -> Result<bool, BackendError> {
    for ticket in tickets {
        // In most cases there is no unreconciled usage at all, and nothing has to be looked up.
        let Some(reconciler) = ticket.policy.reconciler.as_ref().filter(|reconciler| reconciler.is_owed())
        else {
            continue;
        };
        let charge = ticket.charge();
        if reconciler.owes(&charge) {
            if mode == Mode::Peek {
                return Ok(false);
            }
            let (backend, deadline) =
                (&*ticket.policy.primary.backend, ticket.policy.timeout.min(budget.left()));
            reconciler.pay(&charge, backend, deadline, ticket.now()).await?;
            if reconciler.owes(&charge) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Reconciles, in a task of its own, the usage of all identities whose requests the fallback decided,
/// including those that send no further request. Call it when the backend has answered.
pub(crate) fn pay_others(throttle: &Throttle, policy: &Arc<Policy>) {
    let Some(reconciler) = policy.reconciler.as_ref().filter(|reconciler| reconciler.is_owed()) else {
        return;
    };
    let Some(turn) = reconciler.turn() else { return };
    let Ok(runtime) = Handle::try_current() else { return };
    let (policy, clock) = (Arc::clone(policy), Arc::clone(&throttle.environment().lookup.clock));
    runtime.spawn(async move {
        let _turn = turn;
        if let Some(reconciler) = &policy.reconciler {
            // Usage that fails to be reconciled now is reconciled after the next answer.
            let _ = reconciler.pay_all(&*policy.primary.backend, policy.timeout, &*clock).await;
        }
    });
}
