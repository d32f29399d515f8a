//! Calls of a backend for tickets: decisions, refunds and resets, with their timeouts.

use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;
use tracing::field::display;

use super::outcome::Charged;
use super::ticket::Ticket;
use crate::backend::deadline::within;
use crate::backend::named::NamedBackend;
use crate::backend::{Attempt, Backend, Charge, Mode, Resets, Verdict};
use crate::config::policy::Policy;
use crate::decision::Quotas;
use crate::error::chain::chain;
use crate::error::{BackendError, ErrorKind};
use crate::resilience::Standby;

/// The end of the time budget for attempts and for the waits between them. `None` if there is only one
/// attempt, which has its own timeout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget(Option<Instant>);

impl Budget {
    /// The longest time budget of these policies.
    pub(crate) fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Self {
        let tried = policies.into_iter().filter(|policy| policy.recovery.is_some());
        // A time budget that is longer than the clock can represent counts as unlimited.
        Self(tried.map(|policy| policy.total_timeout).max().and_then(|most| Instant::now().checked_add(most)))
    }

    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }
}

/// Calls the backend that all these tickets share, with the shortest of their timeouts and at most `left`.
/// `attempt` is `None` unless the call may be retried after a timeout.
pub(crate) async fn call_primary(
    tickets: &[&Ticket<'_>],
    mode: Mode,
    attempt: Option<&Attempt>,
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

pub(super) fn deadline(tickets: &[&Ticket<'_>]) -> Option<Duration> {
    tickets.iter().map(|ticket| ticket.policy.timeout).min()
}

pub(super) async fn call(
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
    let recovery = ticket.policy.recovery.as_ref().and_then(|recovery| recovery.standby.as_ref());
    let shares = ticket.share();
    let (named, charge) = match recovery.zip(charged.by_standby) {
        Some((standby, _)) => (&standby.fallback, ticket.charge_to(&shares)),
        None => (&ticket.policy.primary, ticket.charge()),
    };
    let charge = Charge { taken: charged.taken, ..charge };
    if let Some((reconciler, at)) = ticket.policy.reconciler.as_ref().zip(charged.by_standby) {
        let is_void = |resets: &Resets| resets.is_over(&charge, charged.at);
        if !named.backend.resets().is_some_and(is_void) {
            reconciler.record_refund(&ticket.charge(), at, ticket.now());
        }
    }
    within(ticket.policy.timeout, named.backend.refund(&[charge], charged.at)).await
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
    within(ticket.policy.timeout, standby.fallback.backend.refund(&charge, at)).await
}

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
    forgotten.and(forget(&standby.fallback, ticket, ticket.charge_to(&share)).await)
}

async fn forget(named: &NamedBackend, ticket: &Ticket<'_>, charge: Charge<'_>) -> Result<(), BackendError> {
    let deadline = ticket.policy.timeout;
    named.prepare_or_wait(deadline).await?;
    within(deadline, named.backend.forget(&[charge])).await
}
