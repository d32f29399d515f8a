//! Applies `on_error` to the error of a backend.

use tracing::field::display;

use super::ticket::Ticket;
use crate::config::resolver::RequestContext;
use crate::decision::{Decision, DecisionReason};
use crate::error::BackendError;
use crate::error::chain::chain;
use crate::resilience::{Details, ErrorAction, Failure, OnError};

/// Calls `on_error` with the error and the number of attempts, and logs one event with the reaction.
pub(crate) async fn react(
    ticket: &Ticket<'_>,
    error: BackendError,
    attempt: u32,
    context: &mut RequestContext<'_>,
) -> Result<Decision, BackendError> {
    let failure = Failure::new(Details {
        error: error.clone(),
        uid: ticket.throttle.uid_shared().clone(),
        key: ticket.key.clone(),
        cost: ticket.cost,
        rates: ticket.rates,
        backend: ticket.policy.primary.name.clone(),
        attempt,
    });
    let _ = ticket.error.set(error.clone());
    context.parts.extensions.insert(failure);
    let reaction = ticket.policy.on_error.resolve(context).await;
    context.parts.extensions.remove::<Failure>();
    // If an extractor of the `on_error` function fails, the default reaction applies.
    let reaction = reaction.unwrap_or_else(|_| OnError::default().reaction());
    warn(ticket, &error, reaction.name());
    ticket.enforced(match reaction {
        ErrorAction::Allow => Ok(Decision::passed(DecisionReason::AllowedOnError)),
        ErrorAction::Throttle(wait) => Ok(Decision::denied(wait, DecisionReason::ThrottledOnError)),
        ErrorAction::Propagate => Err(error),
        ErrorAction::Raise(error) => Err(error),
    })
}

/// Logs a failed decision with all its causes and the reaction, at most once per second for each kind of
/// error.
pub(crate) fn warn(ticket: &Ticket<'_>, error: &BackendError, reaction: &'static str) {
    let primary = &ticket.policy.primary;
    let Some(omitted) = primary.logs.failures.admit(error.kind(), ticket.now()) else { return };
    let (uid, backend, error, omitted) =
        (ticket.throttle.uid(), &*primary.name, display(chain(error)), omitted.field());
    tracing::warn!(target: "throttle", uid, backend, error, reaction, omitted, "the backend failed");
}
