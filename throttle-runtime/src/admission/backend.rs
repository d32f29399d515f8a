//! Asking a backend, and what happens when it fails.

use std::future::Future;
use std::time::Duration;

use smallvec::SmallVec;

use super::{Stop, Ticket};
use crate::backend::{Charge, Mode, Verdict};
use crate::failure::{Details, Failure, Reaction};
use crate::plug::Head;
use crate::{BackendError, Decision, Soon, Source};

/// Asks the backend that all these tickets share, within the shortest of their deadlines.
pub(crate) async fn ask(tickets: &[&Ticket<'_>], mode: Mode) -> Result<Verdict, BackendError> {
    let Some(deadline) = tickets.iter().map(|ticket| ticket.policy.deadline).min() else {
        return Ok(Verdict { quotas: SmallVec::new(), at: 0 });
    };
    let charges: SmallVec<[Charge<'_>; 1]> = tickets.iter().map(|ticket| ticket.charge()).collect();
    match tickets[0].policy.backend.decide(&charges, mode) {
        Soon::Now(Some(verdict)) => verdict,
        later => within(deadline, later).await,
    }
}

/// Gives a charge back as well as the backend can: a failure here leaves the client with less, not with more.
pub(super) async fn refund(ticket: &Ticket<'_>, at: u64) {
    let charge = [ticket.charge()];
    let refund = within(ticket.policy.deadline, ticket.policy.backend.refund(&charge, at)).await;
    if let Err(error) = refund {
        let (uid, backend) = (ticket.throttle.uid(), &*ticket.policy.backend_name);
        tracing::warn!(target: "throttle", uid, backend, %error, "a charge could not be given back");
    }
}

async fn within<T>(
    deadline: Duration,
    reply: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match tokio::time::timeout(deadline, reply).await {
        Ok(reply) => reply,
        Err(_) => Err(BackendError::timeout(deadline)),
    }
}

/// What the policy makes of a backend's error, with one event that says so.
pub(crate) async fn react(
    ticket: &Ticket<'_>,
    error: BackendError,
    head: &mut Head<'_>,
) -> Result<Decision, Stop> {
    let failure = Failure::new(Details {
        error: error.clone(),
        uid: ticket.throttle.uid_shared().clone(),
        key: ticket.key.clone(),
        cost: ticket.cost,
        rates: ticket.rates,
        backend: ticket.policy.backend_name.clone(),
        attempt: 1,
    });
    let _ = ticket.error.set(error.clone());
    head.parts.extensions.insert(failure);
    let reaction = ticket.policy.on_error.ask(head).await;
    head.parts.extensions.remove::<Failure>();
    let reaction = reaction.map_err(Stop::Answered)?;
    let (uid, backend) = (ticket.throttle.uid(), &*ticket.policy.backend_name);
    let source = std::error::Error::source(&error).map(tracing::field::display);
    tracing::warn!(target: "throttle", uid, backend, %error, source, reaction = reaction.name(), "the backend failed");
    match reaction {
        Reaction::Allow => Ok(Decision::passed(Source::AllowedOnError)),
        Reaction::Throttle(wait) => Ok(Decision::denied(wait, Source::ThrottledOnError)),
        Reaction::Propagate => Err(Stop::Failed(error)),
        Reaction::Raise(error) => Err(Stop::Failed(error)),
    }
}
