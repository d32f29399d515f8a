//! Decides tickets: the primary in the normal case, and the [failover engine](super::failover) in all others.
//!
//! The tickets of a request on one backend are one decision, even if their recoveries differ. All breakers are
//! checked, and the tickets that may call the backend are decided together. After a failure, each recovery
//! continues on its own.

#[cfg(feature = "ws")]
use std::borrow::Cow;

use super::backend_call::{Budget, call_primary};
use super::breaker_gate::TicketGroup;
use super::charging::{Answers, Charging};
use super::failover::{Failover, Late, LateTicket};
use super::healthy::Healthy;
#[cfg(feature = "ws")]
use super::key_cache::KeyCache;
use super::outcome::Decided;
#[cfg(feature = "ws")]
use super::prepare::{Given, Prepared, Stop};
use super::ticket::Ticket;
use crate::backend::Mode;
use crate::config::resolver::RequestContext;
#[cfg(feature = "ws")]
use crate::decision::Decision;
use crate::decision::DecisionReason;
use crate::error::BackendError;
use crate::resilience::Permission;
#[cfg(feature = "ws")]
use crate::throttle::Throttle;
#[cfg(feature = "ws")]
use crate::throttle::counters::Event;

/// Decides tickets that share a backend.
pub(crate) async fn decide(tickets: &[&Ticket<'_>], mode: Mode, context: &mut RequestContext<'_>) -> Answers {
    let budget = Budget::of(tickets.iter().map(|ticket| &*ticket.policy));
    let mut failover = Failover::new(tickets, budget, Charging::new(tickets, mode));
    // The futures of the engine are larger than this one. They are boxed, because otherwise they would be part
    // of the future of every decision. For the same reason, the normal case does not run in the engine.
    let Some(healthy) = Healthy::find(tickets) else {
        Box::pin(failover.run(context)).await;
        return failover.call.answers;
    };
    failover.call.note();
    match call_primary(tickets, mode, failover.call.attempt(), budget.left()).await {
        Ok(verdict) => {
            healthy.answered(&verdict);
            let late = failover.call.late_tickets(0..tickets.len(), &verdict);
            failover.call.record(0..tickets.len(), &verdict, DecisionReason::Backend);
            if !late.is_empty() {
                Box::pin(failover.leave_to_fallback(late, context)).await;
            }
        }
        Err(error) => {
            Box::pin(failover.recover_all(healthy.into_groups(tickets), error, context)).await;
        }
    }
    failover.call.answers
}

/// Decides a single ticket.
pub(crate) async fn decide_one(
    ticket: &Ticket<'_>,
    mode: Mode,
    context: &mut RequestContext<'_>,
) -> Result<Decided, BackendError> {
    only(decide(&[ticket], mode, context).await)
}

/// Decides one message of a connection, and charges it if it fits. All settings are evaluated as they are for an attribute.
#[cfg(feature = "ws")]
pub(crate) async fn decide_message(
    throttle: &Throttle,
    known: &mut KeyCache,
    context: &mut RequestContext<'_>,
) -> Result<Decision, Stop> {
    let policy = throttle.policy().into_owned();
    let prepared = Ticket::prepare(Cow::Borrowed(throttle), policy, Given::default(), known, context).await?;
    let ticket = match prepared {
        Prepared::Ready(ticket) => ticket,
        Prepared::Passed(reason) => return Ok(Decision::passed(reason)),
    };
    if !ticket.is_charged() {
        // The end of a message is not known, so it acquires no concurrency permit.
        throttle.count(Event::Skipped);
        return Ok(Decision::passed(ticket.uncharged()));
    }
    let decision = decide_one(&ticket, Mode::Consume, context).await.map(|decided| decided.decision);
    throttle.count(Event::of(decision.as_ref()));
    decision.map_err(Stop::Failed)
}

/// The first attempt at the primary, which failed.
pub(super) struct FailedAttempt<'s> {
    pub(super) permission: Option<Permission<'s>>,
    pub(super) error: BackendError,
    pub(super) budget: Budget,
}

/// Decides a single ticket after the first attempt at its backend failed.
pub(super) async fn recover_one<'s>(
    ticket: &'s Ticket<'s>,
    mode: Mode,
    FailedAttempt { permission, error, budget }: FailedAttempt<'s>,
    context: &mut RequestContext<'_>,
) -> Result<Decided, BackendError> {
    let tickets = [ticket];
    let mut failover = Failover::new(&tickets, budget, Charging::unrecognised(&tickets, mode));
    let group = TicketGroup { permit: permission, ..TicketGroup::of(0, ticket) };
    failover.recover(group, error, context).await;
    only(failover.call.answers)
}

/// Decides a single ticket that its backend admitted too late.
pub(super) async fn leave_one_to_fallback(
    ticket: &Ticket<'_>,
    late: LateTicket,
    context: &mut RequestContext<'_>,
) -> Result<Decided, BackendError> {
    let tickets = [ticket];
    let budget = Budget::of([&*ticket.policy]);
    let mut failover = Failover::new(&tickets, budget, Charging::unrecognised(&tickets, Mode::Consume));
    failover.leave_to_fallback(Late::from_buf([late]), context).await;
    only(failover.call.answers)
}

/// Returns the first result. Each ticket up to the first denied one has a result.
fn only(answers: Answers) -> Result<Decided, BackendError> {
    answers.into_iter().flatten().next().unwrap_or_else(|| Ok(Decided::by_nobody(DecisionReason::Disabled)))
}
