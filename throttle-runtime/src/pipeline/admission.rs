//! Decides one request against its throttles. This is what an attribute does, on any kind of function.

use http::request::Parts;
use smallvec::SmallVec;

use super::decide::decide;
use super::degrade::DegradeSink;
use super::outcome::Decided;
use super::prepare::Stop;
use super::rejection::Rejection;
use super::ticket::Ticket;
use crate::backend::{ConcurrencyPermit, Mode};
use crate::config::policy::Policy;
use crate::config::resolver::RequestContext;
use crate::error::BackendError;
use crate::throttle::counters::Event;

/// The tickets of one request, the decisions made so far, and the concurrency permits of the request.
pub(crate) struct Admission<'a> {
    pub(crate) tickets: Vec<Ticket<'a>>,
    pub(crate) decided: Vec<Option<Decided>>,
    pub(crate) sink: DegradeSink,
    /// The concurrency permits of the request.
    pub(crate) held: Vec<ConcurrencyPermit>,
}

impl<'a> Admission<'a> {
    pub(crate) fn of(tickets: Vec<Ticket<'a>>, sink: DegradeSink) -> Self {
        let decided = tickets.iter().map(|_| None).collect();
        Self { tickets, decided, sink, held: Vec::new() }
    }

    /// Counts the charges. If the request is rejected, the charges are refunded first.
    pub(crate) async fn settled(mut self, outcome: Result<(), Rejection>) -> Result<Self, Rejection> {
        match outcome {
            Ok(()) => {
                self.count_charges(Event::Allowed);
                Ok(self)
            }
            Err(rejection) => {
                self.held.clear();
                self.give_back().await;
                self.count_charges(Event::GivenBack);
                Err(rejection)
            }
        }
    }

    /// Acquires the concurrency permits of these tickets, and decides the tickets.
    pub(super) async fn enter(&mut self, context: &mut RequestContext<'_>) -> Result<(), Rejection> {
        if self.tickets.iter().any(|ticket| ticket.policy.concurrency.is_some()) {
            // Boxed, because otherwise this future would be part of the future of every decision.
            Box::pin(self.acquire_permits(context)).await?;
        }
        self.decide(context).await
    }

    /// Decides the tickets in reading order, until a denial or an error ends the request. Tickets on one
    /// backend are decided together.
    pub(crate) async fn decide(&mut self, context: &mut RequestContext<'_>) -> Result<(), Rejection> {
        for first in 0..self.tickets.len() {
            if self.decided[first].is_none() {
                let group = self.together_with(first);
                self.decide_group(&group, context).await?;
                self.enforce(&group, context.parts)?;
            }
        }
        Ok(())
    }

    /// The undecided tickets on the backend of this ticket. They are charged all or nothing. A ticket whose
    /// denial does not end the request is decided alone, because its denial must not keep the other throttles
    /// from charging.
    fn together_with(&self, first: usize) -> SmallVec<[usize; 2]> {
        let group = |index: usize| {
            let Ticket { policy, dry, .. } = &self.tickets[index];
            Group { policy, is_alone: *dry || self.sink.of_denials_by(policy) }
        };
        let shares =
            |index: &usize| self.decided[*index].is_none() && group(first).shares_a_backend(group(*index));
        std::iter::once(first).chain((first + 1..self.tickets.len()).filter(shares)).collect()
    }

    async fn decide_group(
        &mut self,
        group: &[usize],
        context: &mut RequestContext<'_>,
    ) -> Result<(), Rejection> {
        let answers = {
            let tickets: SmallVec<[&Ticket<'_>; 2]> =
                group.iter().map(|&index| &self.tickets[index]).collect();
            decide(&tickets, Mode::Consume, context).await
        };
        // All decisions are recorded before one of them ends the request, so that all charges are refunded.
        let mut kept = Ok(());
        for (&index, answer) in group.iter().zip(answers) {
            if let Some(answer) = answer {
                kept = self.record(index, answer).and(kept);
            }
        }
        kept
    }

    /// Counts and stores a decision. A charge is counted later, when it is known whether the charge is
    /// refunded.
    pub(crate) fn record(
        &mut self,
        index: usize,
        answer: Result<Decided, BackendError>,
    ) -> Result<(), Rejection> {
        let event = Event::of(answer.as_ref().map(|decided| &decided.decision));
        if !matches!(event, Event::Allowed) {
            self.tickets[index].throttle.count(event);
        }
        let decided = answer.map_err(|error| Rejection::Stopped(Stop::Failed(error)))?;
        self.decided[index] = Some(decided);
        Ok(())
    }

    /// Ends the request if a decision of this group is an enforced denial. If there are several, the denial
    /// with the longest wait is returned, so that the request fits all limits after that wait.
    pub(crate) fn enforce(&self, group: &[usize], head: &Parts) -> Result<(), Rejection> {
        let denials = group.iter().filter_map(|&index| {
            let (ticket, decision) = (&self.tickets[index], &self.decided[index].as_ref()?.decision);
            let counts = decision.is_throttled() && !self.sink.of_denials_by(&ticket.policy);
            counts.then_some((ticket, decision))
        });
        let worst = denials.max_by_key(|(_, decision)| decision.strictness());
        let Some((ticket, decision)) = worst else { return Ok(()) };
        let environment = ticket.throttle.environment();
        environment.lookup.notices.of_undeclared_proxy(head, &environment.lookup.clients);
        tracing::debug!(target: "throttle", uid = ticket.throttle.uid(), retry_after = ?decision.retry_after(), "throttled");
        let error = ticket.error.get().cloned();
        Err(Rejection::throttled(&ticket.throttle, &ticket.policy, decision.clone(), error, head))
    }

    /// The decided tickets, each with its own decision. Undecided tickets may stand between them.
    pub(crate) fn decided(&self) -> impl Iterator<Item = (&Ticket<'_>, &Decided)> {
        self.tickets
            .iter()
            .zip(&self.decided)
            .filter_map(|(ticket, decided)| Some((ticket, decided.as_ref()?)))
    }

    /// Counts the charges: as allowed, or as `event` if they were refunded.
    fn count_charges(&self, event: Event) {
        for (ticket, decided) in self.decided() {
            // All other decisions were counted when they were made. If throttles are charged all or nothing
            // and one of them denies, the throttles whose limits the request fits have charged nothing.
            let is_counted_before = ticket.charged_before.is_some() && matches!(event, Event::Allowed);
            if !is_counted_before && matches!(Event::of(Ok(&decided.decision)), Event::Allowed) {
                ticket.throttle.count(if ticket.dry { Event::Allowed } else { event });
            }
        }
    }

    /// Refunds the charges of a request that was rejected. A throttle in dry-run mode keeps its charge,
    /// because it counts the requests that arrive and not those that pass.
    async fn give_back(&self) {
        for (ticket, decided) in self.decided() {
            if let Some(charged) = decided.charged.filter(|_| !ticket.dry) {
                super::backend_call::refund(ticket, charged).await;
            }
        }
    }
}

/// Which throttles a throttle decides together with.
#[derive(Clone, Copy)]
pub(crate) struct Group<'p> {
    pub(crate) policy: &'p Policy,
    /// Whether the throttle decides alone. A throttle whose denials are not enforced, as in dry-run mode, must
    /// not keep the others from charging.
    pub(crate) is_alone: bool,
}

impl<'p> Group<'p> {
    pub(super) fn of(ticket: &'p Ticket<'_>) -> Self {
        Self { policy: &ticket.policy, is_alone: ticket.dry }
    }

    pub(crate) fn shares_a_backend(self, other: Group<'_>) -> bool {
        !self.is_alone && !other.is_alone && self.policy.primary.ptr_eq(&other.policy.primary)
    }
}
