//! Collects the tickets of one request, throttle by throttle.

use std::borrow::Cow;
use std::sync::Arc;

use super::admission::Admission;
use super::degrade::DegradeSink;
use super::key_cache::KeyCache;
#[cfg(any(feature = "axum", feature = "tower"))]
use super::once_per_request::Reached;
use super::prepare::{Given, Prepared};
use super::rejection::Rejection;
use super::ticket::Ticket;
use crate::config::resolver::RequestContext;
use crate::throttle::Throttle;

/// Collects the tickets of a request, throttle by throttle.
pub(crate) struct AdmissionBuilder<'a, 'k> {
    tickets: Vec<Ticket<'a>>,
    known: &'k mut KeyCache,
    sink: DegradeSink,
}

impl<'a, 'k> AdmissionBuilder<'a, 'k> {
    pub(crate) const fn new(known: &'k mut KeyCache, sink: DegradeSink) -> Self {
        Self { tickets: Vec::new(), known, sink }
    }

    /// Adds a finished ticket.
    pub(crate) fn add(&mut self, ticket: Ticket<'a>) {
        self.tickets.push(ticket);
    }

    /// Adds the ticket of the next throttle, if the throttle applies to the request.
    pub(crate) async fn draw(
        &mut self,
        throttle: Cow<'a, Throttle>,
        given: Given,
        context: &mut RequestContext<'_>,
    ) -> Result<(), Rejection> {
        let policy = throttle.policy().into_owned();
        let degrades = policy.degrade.then(|| Arc::clone(throttle.uid_shared()));
        match Ticket::prepare(throttle, policy, given, self.known, context).await {
            Ok(Prepared::Ready(ticket)) => self.take(ticket, context),
            Ok(Prepared::Passed(reason)) => self.sink.of_passed(degrades, reason),
            Err(stop) => return Err(Rejection::Stopped(stop)),
        }
        Ok(())
    }

    /// Adds a ticket. If its throttle decides about the request already, and charges once per request, the
    /// request is charged once, at the highest of its costs.
    #[cfg_attr(
        not(any(feature = "axum", feature = "tower")),
        expect(
            unused_mut,
            unused_variables,
            reason = "only layers and handlers leave decisions with a request"
        )
    )]
    fn take(&mut self, mut ticket: Ticket<'a>, context: &RequestContext<'_>) {
        if !ticket.policy.once_per_request {
            self.tickets.push(ticket);
            return;
        }
        let same =
            |known: &&mut Ticket<'_>| known.throttle.ptr_eq(&ticket.throttle) && known.key == ticket.key;
        if let Some(known) = self.tickets.iter_mut().find(same) {
            known.cost = known.cost.max(ticket.cost);
            return;
        }
        #[cfg(any(feature = "axum", feature = "tower"))]
        if ticket.throttle.is_marked()
            && let Some(reach) = Reached::find(&context.parts.extensions, &ticket)
        {
            if ticket.cost <= reach.cost {
                self.sink.of_earlier(&ticket.policy, reach.decision);
                return;
            }
            ticket.cost -= reach.cost;
            ticket.charged_before = Some(reach.cost);
        }
        self.tickets.push(ticket);
    }

    /// Decides the request.
    pub(crate) async fn decide(self, context: &mut RequestContext<'_>) -> Result<Admission<'a>, Rejection> {
        let mut admission = Admission::of(self.tickets, self.sink);
        let outcome = admission.enter(context).await;
        admission.settled(outcome).await
    }
}
