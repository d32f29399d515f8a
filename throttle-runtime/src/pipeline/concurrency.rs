//! Concurrency permits, which are acquired before anything is charged: what a decision about concurrency calls
//! in the [failover engine](super::failover).
//!
//! A permit and a charge are two calls of the backend. The permit is first, because a permit can always be
//! released, and a charge cannot always be refunded completely. A fallback has permits of its own, because it
//! cannot know the requests that are in flight on other instances.

use std::time::Duration;

use super::admission::Admission;
use super::backend_call::Budget;
use super::failover::{Call, Failover, Late, LateTicket};
use super::outcome::Decided;
use super::rejection::Rejection;
use super::ticket::Ticket;
use crate::backend::deadline::within;
use crate::backend::named::NamedBackend;
use crate::backend::{ConcurrencyPermit, PermitRequest};
use crate::config::policy::Concurrency;
use crate::config::resolver::RequestContext;
use crate::decision::{Decision, DecisionReason};
use crate::error::{BackendError, ErrorKind};
use crate::resilience::{Permission, Standby};
use crate::throttle::counters::Event;

/// The wait that a client is told if it got no permit. The time when a permit becomes free cannot be
/// predicted.
const A_WHILE: Duration = Duration::from_secs(1);

impl Admission<'_> {
    /// Acquires a permit for each ticket whose throttle has a concurrency limit, in reading order, until one
    /// ends the request. For a ticket that charges no rate, this is the whole decision.
    pub(crate) async fn acquire_permits(
        &mut self,
        context: &mut RequestContext<'_>,
    ) -> Result<(), Rejection> {
        for index in 0..self.tickets.len() {
            let ticket = &self.tickets[index];
            let Some(concurrency) = ticket.policy.concurrency else { continue };
            if ticket.charged_before.is_some() {
                continue;
            }
            let answer = acquire(ticket, concurrency, context).await;
            let passes = answer.as_ref().is_ok_and(|Acquired { decision, .. }| {
                decision.reason() != DecisionReason::DryRun && decision.is_allowed()
            });
            if passes && ticket.is_charged() {
                self.held.extend(answer.ok().and_then(|acquired| acquired.permit));
                continue;
            }
            let decided = answer.map(|Acquired { permit, decision }| {
                self.held.extend(permit);
                Decided { decision, charged: None }
            });
            self.record(index, decided)?;
            self.enforce(&[index], context.parts)?;
        }
        Ok(())
    }
}

/// A decision about concurrency, with the permit if one was free.
struct Acquired {
    permit: Option<ConcurrencyPermit>,
    decision: Decision,
}

async fn acquire(
    ticket: &Ticket<'_>,
    Concurrency { limit, permit_ttl }: Concurrency,
    context: &mut RequestContext<'_>,
) -> Result<Acquired, BackendError> {
    let tickets = [ticket];
    let budget = Budget::of([&*ticket.policy]);
    let call = Acquiring { ticket, limit, permit_ttl, acquired: None };
    let mut failover = Failover::new(&tickets, budget, call);
    failover.run(context).await;
    // The engine decides each ticket.
    let passed = || Ok(Acquired { permit: None, decision: Decision::passed(DecisionReason::Disabled) });
    failover.call.acquired.unwrap_or_else(passed)
}

/// The permit of one ticket.
struct Acquiring<'s> {
    ticket: &'s Ticket<'s>,
    limit: u32,
    permit_ttl: Duration,
    acquired: Option<Result<Acquired, BackendError>>,
}

impl Acquiring<'_> {
    async fn acquire_from(
        &self,
        named: &NamedBackend,
        limit: u32,
        deadline: Duration,
    ) -> Result<Option<ConcurrencyPermit>, BackendError> {
        // Resolving the settings has checked that the backend has a store.
        let Some(store) = named.backend.concurrency_store() else {
            let text = "this backend has no concurrency limits";
            return Err(BackendError::new(ErrorKind::Store, text).safe_to_retry());
        };
        let (scope, key) = (self.ticket.throttle.scope(), &self.ticket.key);
        let request = PermitRequest { scope, key, limit, ttl: self.permit_ttl };
        within(deadline, store.try_acquire(&request)).await
    }
}

impl Call for Acquiring<'_> {
    /// `None` if no permit was free.
    type Answer = Option<ConcurrencyPermit>;

    async fn is_primary_usable(&self, _: &[usize], _: Budget) -> Result<bool, BackendError> {
        Ok(true)
    }

    async fn primary(
        &mut self,
        _: &[usize],
        _: bool,
        budget: Budget,
    ) -> Result<Option<ConcurrencyPermit>, BackendError> {
        let policy = &self.ticket.policy;
        let deadline = policy.timeout.min(budget.left());
        policy.primary.prepare(deadline).await?;
        self.acquire_from(&policy.primary, self.limit, deadline).await
    }

    async fn fallback(
        &mut self,
        standby: &Standby,
        _: &[usize],
    ) -> Result<Option<ConcurrencyPermit>, BackendError> {
        let (limit, deadline) = (standby.share.of_permits(self.limit), self.ticket.policy.timeout);
        standby.fallback.prepare_or_wait(deadline).await?;
        self.acquire_from(&standby.fallback, limit, deadline).await
    }

    /// A second permit would be held until its end.
    fn recognises_retries(&self, _: &[usize]) -> bool {
        false
    }

    fn report(permission: Permission<'_>, _: &Option<ConcurrencyPermit>) {
        permission.succeeded();
    }

    /// Permits are not reconciled between primary and fallback, so none is too late.
    fn late(&self, _: &[usize], _: &Option<ConcurrencyPermit>) -> Late {
        Late::new()
    }

    async fn take_back(&mut self, _: LateTicket) {}

    fn store(&mut self, _: &[usize], permit: Option<ConcurrencyPermit>, reason: DecisionReason) {
        // A ticket that still has to charge a rate counts the reason of its decision there.
        if !(permit.is_some() && self.ticket.is_charged())
            && let Some(event) = Event::of_reason(reason)
        {
            self.ticket.throttle.count(event);
        }
        self.acquired = Some(match permit {
            Some(_) => Ok(Acquired { permit, decision: Decision::passed(DecisionReason::Concurrency) }),
            None => {
                let denied = self.ticket.enforced(Ok(Decision::denied(A_WHILE, DecisionReason::Concurrency)));
                denied.map(|decision| Acquired { permit: None, decision })
            }
        });
    }

    fn store_reaction(&mut self, _: usize, decision: Result<Decision, BackendError>) {
        self.acquired = Some(decision.map(|decision| Acquired { permit: None, decision }));
    }

    fn is_over(&self) -> bool {
        self.acquired.is_some()
    }
}
