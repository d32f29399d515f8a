//! Charges on the fallback, which starts from the last usage that the primary reported.

use smallvec::SmallVec;

use super::backend_call::{call, deadline, refund_standby};
use super::ticket::Ticket;
use crate::backend::{Charge, Mode, Verdict};
use crate::error::{BackendError, ErrorKind};
use crate::rate::Rate;
use crate::resilience::Standby;

/// How often the fallback starts again for one decision.
const ATTEMPTS: usize = 8;

/// Returns the decision of the fallback. If the primary has answered other requests meanwhile, and the charge
/// of the fallback no longer fits, the fallback starts again from that answer. If it cannot start again, that
/// answer denies the request.
pub(super) async fn decide(
    standby: &Standby,
    tickets: &[&Ticket<'_>],
    mode: Mode,
) -> Result<Verdict, BackendError> {
    for _ in 0..ATTEMPTS {
        let verdict = call_fallback(standby, tickets, mode).await?;
        let admits = verdict.quotas.fit() && mode == Mode::Consume;
        if !admits || remember_admission(tickets) {
            return Ok(verdict);
        }
        for ticket in tickets {
            refund_standby(standby, ticket, verdict.at).await?;
        }
        if !tickets.iter().any(|ticket| can_begin(ticket)) {
            let mut verdict = call_fallback(standby, tickets, Mode::Peek).await?;
            deny(tickets, &mut verdict);
            if !verdict.quotas.fit() {
                return Ok(verdict);
            }
        }
    }
    let text =
        format!("the reply of the backend arrived during {ATTEMPTS} decisions of the fallback in a row");
    Err(BackendError::new(ErrorKind::Store, text).safe_to_retry())
}

/// Calls the fallback once.
async fn call_fallback(
    standby: &Standby,
    tickets: &[&Ticket<'_>],
    mode: Mode,
) -> Result<Verdict, BackendError> {
    let deadline = deadline(tickets).unwrap_or_default();
    standby.fallback.prepare_or_wait(deadline).await?;
    let backend = &*standby.fallback.backend;
    for ticket in tickets {
        if let Some(reconciler) = &ticket.policy.reconciler {
            reconciler.seed(&ticket.charge(), backend, deadline, ticket.now()).await?;
        }
    }
    let shares: SmallVec<[SmallVec<[Rate; 2]>; 1]> = tickets.iter().map(|ticket| ticket.share()).collect();
    let charges: SmallVec<[Charge<'_>; 1]> =
        tickets.iter().zip(&shares).map(|(ticket, rates)| ticket.charge_to(rates)).collect();
    call(backend, &charges, mode, deadline).await
}

/// Records that the fallback admitted all of these tickets. If one of them no longer fits, records none of
/// them and returns `false`.
fn remember_admission(tickets: &[&Ticket<'_>]) -> bool {
    for (index, ticket) in tickets.iter().enumerate() {
        let Some(reconciler) = &ticket.policy.reconciler else { continue };
        if !reconciler.admitted(&ticket.charge(), ticket.now()) {
            for ticket in &tickets[..index] {
                if let Some(reconciler) = &ticket.policy.reconciler {
                    reconciler.record_refund(&ticket.charge(), ticket.now(), ticket.now());
                }
            }
            return false;
        }
    }
    true
}

fn can_begin(ticket: &Ticket<'_>) -> bool {
    ticket.policy.reconciler.as_ref().is_some_and(|reconciler| reconciler.can_begin(&ticket.charge()))
}

/// Denies the tickets that do not fit the quota in the last answers of their backends.
fn deny(tickets: &[&Ticket<'_>], verdict: &mut Verdict) {
    let mut quotas = &mut verdict.quotas[..];
    for ticket in tickets {
        let (own, others) = quotas.split_at_mut(ticket.rates.len());
        quotas = others;
        if let Some(reconciler) = &ticket.policy.reconciler {
            reconciler.deny(&ticket.charge(), ticket.now(), own);
        }
    }
}
