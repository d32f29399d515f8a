//! Concurrency permits, which are acquired before anything is charged. The stages are the backend, retries,
//! the fallback, and then `on_error`.
//!
//! A permit and a charge are two calls of the backend. The permit is first, because a permit can always be
//! released, and a charge cannot always be refunded completely. A fallback has permits of its own, because it
//! cannot know the requests that are in flight on other instances.

use std::time::Duration;

use super::admission::Admission;
use super::breaker_gate::Part;
use super::decide::is_open;
use super::on_error::{react, warn};
use super::outcome::Decided;
use super::rejection::Rejection;
use super::ticket::Ticket;
use super::time_budget::Budget;
use crate::backend::deadline::within;
use crate::backend::{ConcurrencyPermit, PermitRequest};
use crate::config::policy::Concurrency;
use crate::config::resolver::Head;
use crate::registry::Member;
use crate::resilience::{Permission, Rescue, Standby};
use crate::throttle::counters::Event;
use crate::{BackendError, Decision, DecisionReason, ErrorKind};

/// The wait that a client is told if it got no permit. The time when a permit becomes free cannot be
/// predicted.
const A_WHILE: Duration = Duration::from_secs(1);

/// A permit if one was free, or the error and the number of attempts.
type Answer = Result<Option<ConcurrencyPermit>, (BackendError, u32)>;

impl Admission<'_> {
    /// Acquires a permit for each ticket whose throttle has a concurrency limit, in reading order, until one
    /// ends the request. For a ticket that charges no rate, this is the whole decision.
    pub(crate) async fn take_places(&mut self, head: &mut Head<'_>) -> Result<(), Rejection> {
        for index in 0..self.tickets.len() {
            let ticket = &self.tickets[index];
            let Some(concurrency) = ticket.policy.concurrency else { continue };
            if ticket.charged_before.is_some() {
                continue;
            }
            let answer = take(ticket, concurrency, head).await;
            let passes = answer.as_ref().is_ok_and(|(_, decision)| {
                decision.reason() != DecisionReason::DryRun && decision.is_allowed()
            });
            if passes && ticket.is_charged() {
                self.held.extend(answer.ok().and_then(|(held, _)| held));
                continue;
            }
            let decided = answer.map(|(held, decision)| {
                self.held.extend(held);
                Decided { decision, charged: None }
            });
            self.record(index, decided)?;
            self.enforce(&[index], head.parts)?;
        }
        Ok(())
    }
}

/// Acquires a permit, if one is free, and returns it with the decision.
async fn take(
    ticket: &Ticket<'_>,
    Concurrency { limit, .. }: Concurrency,
    head: &mut Head<'_>,
) -> Result<(Option<ConcurrencyPermit>, Decision), BackendError> {
    let answer = match ticket.policy.rescue.as_deref() {
        None => ask(ticket, &ticket.policy.primary, limit, ticket.policy.timeout)
            .await
            .map_err(|error| (error, 1)),
        Some(rescue) => Asking { ticket, rescue, limit }.run().await,
    };
    match answer {
        Ok(Some(held)) => Ok((Some(held), Decision::passed(DecisionReason::Concurrency))),
        Ok(None) => ticket
            .enforced(Ok(Decision::denied(A_WHILE, DecisionReason::Concurrency)))
            .map(|denied| (None, denied)),
        Err((error, attempts)) => react(ticket, error, attempts, head).await.map(|decision| (None, decision)),
    }
}

async fn ask(
    ticket: &Ticket<'_>,
    member: &Member,
    limit: u32,
    deadline: Duration,
) -> Result<Option<ConcurrencyPermit>, BackendError> {
    member.prepare(deadline).await?;
    // Resolving the settings has checked that both exist.
    let (Some(store), Some(Concurrency { permit_ttl: ttl, .. })) =
        (member.backend.concurrency_store(), ticket.policy.concurrency)
    else {
        return Err(
            BackendError::new(ErrorKind::Store, "this backend has no concurrency limits").safe_to_retry()
        );
    };
    let place = PermitRequest { scope: ticket.throttle.scope(), key: &ticket.key, limit, ttl };
    within(deadline, store.try_acquire(&place)).await
}

/// Acquires a permit with retries and the fallback.
struct Asking<'s, 't> {
    ticket: &'s Ticket<'t>,
    rescue: &'s Rescue,
    limit: u32,
}

impl Asking<'_, '_> {
    async fn run(&self) -> Answer {
        let tickets = [self.ticket];
        let (asked, mut refused) = Part::entered(&tickets);
        let Some(mut part) = asked.into_iter().next() else {
            let source = refused.pop().map_or(DecisionReason::BreakerOpen, |(_, source)| source);
            return self.stand_in(Err(source), 0).await;
        };
        let (budget, mut attempts) = (Budget::of(tickets.iter().map(|ticket| &*ticket.policy)), 1);
        let mut answer = self.primary(budget).await;
        while let Err(error) = &answer
            && part.tries_again(attempts, (error, false), budget).await
        {
            attempts += 1;
            self.ticket.throttle.count(Event::Retried);
            answer = self.primary(budget).await;
        }
        let permit = part.permit.take().into_iter();
        match answer {
            Ok(held) => {
                permit.for_each(Permission::succeeded);
                Ok(held)
            }
            Err(error) => {
                permit.for_each(|permit| permit.failed_by(&error));
                self.stand_in(Ok(error), attempts).await
            }
        }
    }

    async fn primary(&self, budget: Budget) -> Result<Option<ConcurrencyPermit>, BackendError> {
        let policy = &self.ticket.policy;
        ask(self.ticket, &policy.primary, self.limit, policy.timeout.min(budget.left())).await
    }

    /// Calls the fallback. `why` is the error of the backend, or the reason why the backend was not called.
    async fn stand_in(&self, why: Result<BackendError, DecisionReason>, attempts: u32) -> Answer {
        let standby = self.rescue.standby.as_ref();
        let standby =
            standby.filter(|standby| why.as_ref().map_or(true, |error| standby.on.has(error.kind())));
        let Some(standby) = standby else { return Err((why.unwrap_or_else(|_| is_open()), attempts)) };
        match self.standby(standby).await {
            Ok(held) => {
                if let Ok(error) = &why {
                    warn(self.ticket, error, "fallback");
                }
                self.count(why.err().unwrap_or(DecisionReason::Fallback), held.is_some());
                Ok(held)
            }
            Err(theirs) => Err((theirs.after(why.unwrap_or_else(|_| is_open())), attempts)),
        }
    }

    async fn standby(&self, standby: &Standby) -> Result<Option<ConcurrencyPermit>, BackendError> {
        let (limit, deadline) = (standby.share.of_places(self.limit), self.ticket.policy.timeout);
        standby.member.prepare_or_wait(deadline).await?;
        ask(self.ticket, &standby.member, limit, deadline).await
    }

    /// Counts the source of a decision once per request: a ticket that still has to charge a rate counts it
    /// there.
    fn count(&self, source: DecisionReason, has_place: bool) {
        if !(has_place && self.ticket.is_charged())
            && let Some(event) = Event::of_source(source)
        {
            self.ticket.throttle.count(event);
        }
    }
}
