//! Resets the usage of one identity.

use super::ticket::Ticket;
use crate::BackendError;
use crate::backend::Charge;
use crate::backend::deadline::within;
use crate::backend::named::NamedBackend;

/// Resets the usage of the identity wherever this ticket's limits are counted: in the backend, in its
/// fallback, and in the usage that is carried over between them. If one of these fails, the others are reset
/// all the same.
pub(crate) async fn reset(ticket: &Ticket<'_>) -> Result<(), BackendError> {
    let policy = &ticket.policy;
    let forgotten = forget(&policy.primary, ticket, ticket.charge()).await;
    if let Some(reconciler) = &policy.reconciler {
        reconciler.forget(&ticket.charge());
    }
    let Some(standby) = policy.recovery.as_ref().and_then(|recovery| recovery.standby.as_ref()) else {
        return forgotten;
    };
    let share = ticket.share();
    forgotten.and(forget(&standby.member, ticket, ticket.charge_to(&share)).await)
}

async fn forget(member: &NamedBackend, ticket: &Ticket<'_>, charge: Charge<'_>) -> Result<(), BackendError> {
    let deadline = ticket.policy.timeout;
    member.prepare_or_wait(deadline).await?;
    within(deadline, member.backend.forget(&[charge])).await
}
