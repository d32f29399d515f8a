//! Forgetting what one identity has used.

use super::{Ticket, within};
use crate::BackendError;
use crate::backend::Charge;
use crate::registry::Member;

/// Forgets it wherever the limits of this ticket are counted: at the backend, at the one that stands in for it, and in
/// what is carried from one to the other. What fails keeps nothing else from being forgotten.
pub(crate) async fn reset(ticket: &Ticket<'_>) -> Result<(), BackendError> {
    let policy = &ticket.policy;
    let forgotten = forget(&policy.primary, ticket, ticket.charge()).await;
    if let Some(carry) = &policy.carry {
        carry.forget(&ticket.charge());
    }
    let Some(standby) = policy.rescue.as_ref().and_then(|rescue| rescue.standby.as_ref()) else {
        return forgotten;
    };
    let share = ticket.share();
    forgotten.and(forget(&standby.member, ticket, ticket.charge_to(&share)).await)
}

async fn forget(member: &Member, ticket: &Ticket<'_>, charge: Charge<'_>) -> Result<(), BackendError> {
    let deadline = ticket.policy.deadline;
    member.prepare_or_wait(deadline).await?;
    within(deadline, member.backend.forget(&[charge])).await
}
