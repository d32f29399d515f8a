//! Asking a backend.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use smallvec::SmallVec;
use tracing::field::display;

use super::{Charged, Ticket};
use crate::backend::{Attempt, Backend, Charge, Mode, Resets, Verdict};
use crate::deadline;
use crate::error_chain::chain;
use crate::failure::Standby;
use crate::{BackendError, ErrorKind, Quotas, Rate, Soon};

/// Asks the backend that all these tickets share, within the shortest of their deadlines and in no longer than `left`.
/// `attempt` is `None` unless it may be retried after a timeout.
pub(super) async fn ask(
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

/// Asks the backend that stands in for that one, which begins with what that one said last.
pub(super) async fn ask_standby(
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
    tickets.iter().map(|ticket| ticket.policy.deadline).min()
}

async fn call(
    backend: &dyn Backend,
    charges: &[Charge<'_>],
    mode: Mode,
    deadline: Duration,
) -> Result<Verdict, BackendError> {
    checked(charges, within(deadline, backend.decide(charges, mode)).await?)
}

/// The answer, if it is one to these charges.
pub(super) fn checked(charges: &[Charge<'_>], verdict: Verdict) -> Result<Verdict, BackendError> {
    let mut asked = charges.iter().flat_map(|charge| charge.rates.iter());
    let mut quotas = verdict.quotas.iter();
    if quotas.all(|quota| asked.next().is_some_and(|rate| quota.is_of(rate))) && asked.next().is_none() {
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
pub(super) async fn refund(ticket: &Ticket<'_>, charged: Charged) -> bool {
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

/// Gives back what the ticket costs, of what was charged then.
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
    within(ticket.policy.deadline, member.backend.refund(&[charge], charged.at)).await
}

/// Gives back a part of what the backend has admitted at that time, as well as the backend can.
pub(super) async fn refund_units(ticket: &Ticket<'_>, units: u64, at: u64) {
    if units > 0 {
        let charge = [Charge { cost: units, ..ticket.charge() }];
        let answer = within(ticket.policy.deadline, ticket.policy.primary.backend.refund(&charge, at)).await;
        log_refund(ticket, &answer);
    }
}

/// Gives back what the fallback has admitted at that time.
pub(super) async fn refund_standby(
    standby: &Standby,
    ticket: &Ticket<'_>,
    at: u64,
) -> Result<(), BackendError> {
    let shares = ticket.share();
    let charge = [ticket.charge_to(&shares)];
    within(ticket.policy.deadline, standby.member.backend.refund(&charge, at)).await
}

/// An answer that is there needs no timer, and so no runtime that has one.
pub(crate) async fn within<T>(
    limit: Duration,
    reply: Soon<'_, Result<T, BackendError>>,
) -> Result<T, BackendError> {
    match reply.ready() {
        Ok(answer) => answer,
        Err(later) => later_within(limit, later).await,
    }
}

/// An answer that has to be waited for. A backend that waited for others until the deadline has charged nobody.
pub(super) async fn later_within<T>(
    limit: Duration,
    mut reply: Soon<'_, Result<T, BackendError>>,
) -> Result<T, BackendError> {
    let mut is_uncharged = false;
    let note = &mut is_uncharged;
    // The reply is dropped within, as what its deadline has ended.
    let noted = poll_fn(move |context| {
        let polled = Pin::new(&mut reply).poll(context);
        *note = reply.is_uncharged();
        polled
    });
    let answer = deadline::timeout(limit, noted).await;
    answer.unwrap_or_else(|elapsed| {
        let error = BackendError::from(elapsed);
        Err(if is_uncharged { error.nothing_charged() } else { error })
    })
}
