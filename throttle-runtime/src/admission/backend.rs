//! Asking a backend, and what happens when it fails.

use std::time::Duration;

use smallvec::SmallVec;

use super::Ticket;
use crate::backend::{Charge, Mode, Verdict};
use crate::failure::{Details, Failure, OnError, Reaction};
use crate::plug::Head;
use crate::{BackendError, Decision, ErrorKind, Quota, Soon, Source};

/// Asks the backend that all these tickets share, within the shortest of their deadlines.
pub(crate) async fn ask(tickets: &[&Ticket<'_>], mode: Mode) -> Result<Verdict, BackendError> {
    let Some(deadline) = tickets.iter().map(|ticket| ticket.policy.deadline).min() else {
        return Ok(Verdict::new(SmallVec::new(), 0));
    };
    let charges: SmallVec<[Charge<'_>; 1]> = tickets.iter().map(|ticket| ticket.charge()).collect();
    let verdict = within(deadline, tickets[0].policy.backend.decide(&charges, mode)).await?;
    let asked = charges.iter().flat_map(|charge| charge.rates.iter());
    if asked.eq(verdict.quotas.iter().map(Quota::rate_ref)) {
        Ok(verdict)
    } else {
        // Whom a wrong answer would let pass nobody has counted.
        Err(BackendError::new(
            ErrorKind::Store,
            "the backend answered for other limits than it was asked about",
        ))
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

/// An answer that is there needs no timer, and so no runtime that has one.
pub(crate) async fn within<T>(
    deadline: Duration,
    reply: Soon<'_, Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match reply.ready() {
        Ok(answer) => answer,
        Err(later) => match tokio::time::timeout(deadline, later).await {
            Ok(answer) => answer,
            Err(_) => Err(BackendError::timeout(deadline)),
        },
    }
}

/// What the policy makes of a backend's error, with one event that says so.
pub(crate) async fn react(
    ticket: &Ticket<'_>,
    error: BackendError,
    head: &mut Head<'_>,
) -> Result<Decision, BackendError> {
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
    // A policy that cannot say anything, since one of its extractors failed, leaves the default.
    let reaction = reaction.unwrap_or_else(|_| OnError::default().reaction());
    let (uid, backend) = (ticket.throttle.uid(), &*ticket.policy.backend_name);
    let source = std::error::Error::source(&error).map(tracing::field::display);
    tracing::warn!(target: "throttle", uid, backend, %error, source, reaction = reaction.name(), "the backend failed");
    ticket.enforced(match reaction {
        Reaction::Allow => Ok(Decision::passed(Source::AllowedOnError)),
        Reaction::Throttle(wait) => Ok(Decision::denied(wait, Source::ThrottledOnError)),
        Reaction::Propagate => Err(error),
        Reaction::Raise(error) => Err(error),
    })
}
