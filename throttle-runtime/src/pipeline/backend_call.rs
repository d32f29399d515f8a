//! Calls of a backend.

use std::time::Duration;

use smallvec::SmallVec;
use tracing::field::display;

use super::outcome::Charged;
use super::ticket::Ticket;
use crate::backend::deadline::within;
use crate::backend::{Attempt, Backend, Charge, Mode, Resets, Verdict};
use crate::resilience::Standby;
use crate::util::error_chain::chain;
use crate::{BackendError, ErrorKind, Quotas, Rate};

/// Calls the backend that all these tickets share, with the shortest of their timeouts and at most `left`.
/// `attempt` is `None` unless the call may be retried after a timeout.
pub(crate) async fn ask(
    tickets: &[&Ticket<'_>],
    (mode, attempt): (Mode, Option<&Attempt>),
    left: Duration,
) -> Result<Verdict, BackendError> {
    let Some((first, deadline)) = tickets.first().zip(deadline(tickets)) else {
        return Ok(Verdict::new(Quotas::new(), 0));
    };
    let deadline = deadline.min(left);
    first.policy.primary.prepare(deadline).await?;
    let charges: SmallVec<[Charge<'_>; 1]> =
        tickets.iter().map(|ticket| Charge { attempt, ..ticket.charge() }).collect();
    call(&*first.policy.primary.backend, &charges, mode, deadline).await
}

/// Calls the fallback, which starts from the last usage that the primary reported.
pub(crate) async fn ask_standby(
    standby: &Standby,
    tickets: &[&Ticket<'_>],
    mode: Mode,
) -> Result<Verdict, BackendError> {
    let deadline = deadline(tickets).unwrap_or_default();
    standby.member.prepare_or_wait(deadline).await?;
    let backend = &*standby.member.backend;
    for ticket in tickets {
        if let Some(carry) = &ticket.policy.carry {
            carry.seed(&ticket.charge(), backend, deadline, ticket.now()).await?;
        }
    }
    let shares: SmallVec<[SmallVec<[Rate; 2]>; 1]> = tickets.iter().map(|ticket| ticket.share()).collect();
    let charges: SmallVec<[Charge<'_>; 1]> =
        tickets.iter().zip(&shares).map(|(ticket, rates)| ticket.charge_to(rates)).collect();
    call(backend, &charges, mode, deadline).await
}

fn deadline(tickets: &[&Ticket<'_>]) -> Option<Duration> {
    tickets.iter().map(|ticket| ticket.policy.timeout).min()
}

async fn call(
    backend: &dyn Backend,
    charges: &[Charge<'_>],
    mode: Mode,
    deadline: Duration,
) -> Result<Verdict, BackendError> {
    checked(charges, within(deadline, backend.decide(charges, mode)).await?)
}

/// Returns the verdict, if it is one for these charges.
pub(crate) fn checked(charges: &[Charge<'_>], verdict: Verdict) -> Result<Verdict, BackendError> {
    let mut asked = charges.iter().flat_map(|charge| charge.rates.iter());
    let mut quotas = verdict.quotas.iter();
    if quotas.all(|quota| asked.next().is_some_and(|rate| quota.is_of(rate))) && asked.next().is_none() {
        Ok(verdict)
    } else {
        // If such an answer were accepted, requests could pass that no limit has counted.
        Err(BackendError::new(
            ErrorKind::Store,
            "the reply of the backend does not match the limits of the request",
        ))
    }
}

/// Refunds a charge, as well as the backend can. If the refund fails, the client keeps less quota, never
/// more. Returns whether the refund succeeded.
pub(crate) async fn refund(ticket: &Ticket<'_>, charged: Charged) -> bool {
    let answer = give_back(ticket, charged).await;
    log_refund(ticket, &answer);
    answer.is_ok()
}

fn log_refund(ticket: &Ticket<'_>, answer: &Result<(), BackendError>) {
    if let Err(error) = answer {
        let primary = &ticket.policy.primary;
        if let Some(omitted) = primary.logs.refunds.admit(error.kind(), ticket.now()) {
            let (uid, backend, error, omitted) =
                (ticket.throttle.uid(), &*primary.name, display(chain(error)), omitted.field());
            tracing::warn!(target: "throttle", uid, backend, error, omitted, "a charge could not be refunded");
        }
    }
}

/// Refunds the cost of the ticket to the backend that made this charge.
pub(crate) async fn give_back(ticket: &Ticket<'_>, charged: Charged) -> Result<(), BackendError> {
    let rescue = ticket.policy.rescue.as_ref().and_then(|rescue| rescue.standby.as_ref());
    let shares = ticket.share();
    let (member, charge) = match rescue.zip(charged.by_standby) {
        Some((standby, _)) => (&standby.member, ticket.charge_to(&shares)),
        None => (&ticket.policy.primary, ticket.charge()),
    };
    let charge = Charge { taken: charged.taken, ..charge };
    if let Some((carry, at)) = ticket.policy.carry.as_ref().zip(charged.by_standby) {
        let is_void = |resets: &Resets| resets.is_over(&charge, charged.at);
        if !member.backend.resets().is_some_and(is_void) {
            carry.gave_back(&ticket.charge(), at, ticket.now());
        }
    }
    within(ticket.policy.timeout, member.backend.refund(&[charge], charged.at)).await
}

/// Refunds a part of a charge that the backend made at the time `at`, as well as the backend can.
pub(crate) async fn refund_units(ticket: &Ticket<'_>, units: u64, at: u64) {
    if units > 0 {
        let charge = [Charge { cost: units, ..ticket.charge() }];
        let answer = within(ticket.policy.timeout, ticket.policy.primary.backend.refund(&charge, at)).await;
        log_refund(ticket, &answer);
    }
}

/// Refunds a charge that the fallback made at the time `at`.
pub(crate) async fn refund_standby(
    standby: &Standby,
    ticket: &Ticket<'_>,
    at: u64,
) -> Result<(), BackendError> {
    let shares = ticket.share();
    let charge = [ticket.charge_to(&shares)];
    within(ticket.policy.timeout, standby.member.backend.refund(&charge, at)).await
}
