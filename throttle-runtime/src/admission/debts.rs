//! Paying the backend, when it is back, for what another one admitted in its place.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::Ticket;
use super::budget::Budget;
use crate::backend::Mode;
use crate::policy::Policy;
use crate::{BackendError, Throttle};

/// Pays what those who pay for these tickets owe the backend. `false` if another request is at it: until it is done,
/// the other backend decides, as only it knows what it has admitted. Who asks for nothing pays for nothing, either.
pub(super) async fn pay(tickets: &[&Ticket<'_>], mode: Mode, budget: Budget) -> Result<bool, BackendError> {
    for ticket in tickets {
        // As a rule nobody owes anything, and then there is nothing to look up.
        let Some(carry) = ticket.policy.carry.as_ref().filter(|carry| carry.is_owed()) else { continue };
        let charge = ticket.charge();
        if carry.owes(&charge) {
            if mode == Mode::Peek {
                return Ok(false);
            }
            let (backend, deadline) =
                (&*ticket.policy.primary.backend, ticket.policy.deadline.min(budget.left()));
            carry.pay(&charge, backend, deadline, ticket.now()).await?;
            if carry.owes(&charge) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Pays, in a task of its own, for all that were decided about by the other backend and do not ask again by
/// themselves. To be called when the backend has answered.
pub(super) fn pay_others(throttle: &Throttle, policy: &Arc<Policy>) {
    let Some(carry) = policy.carry.as_ref().filter(|carry| carry.is_owed()) else { return };
    let Some(turn) = carry.turn() else { return };
    let Ok(runtime) = Handle::try_current() else { return };
    let (policy, clock) = (Arc::clone(policy), Arc::clone(&throttle.common().clock));
    runtime.spawn(async move {
        let _turn = turn;
        if let Some(carry) = &policy.carry {
            // What is not paid now is paid after the next answer.
            let _ = carry.pay_all(&*policy.primary.backend, policy.deadline, &*clock).await;
        }
    });
}
