//! One throttle's part of a transaction.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::config::resolver::RequestContext;
use crate::decision::{Decision, DecisionReason};
use crate::error::BackendError;
use crate::hit::Hit;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::several;
use crate::pipeline::ticket::Ticket;
use crate::throttle::Throttle;
use crate::throttle::counters::Event;

/// A throttle of a transaction, with the hit and the initial cost.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) throttle: Throttle,
    hit: Hit<'static>,
    initial: u64,
}

impl Entry {
    pub(super) fn new(throttle: &Throttle, hit: Hit<'_>) -> Self {
        let initial = hit.cost.unwrap_or(0);
        Self { throttle: throttle.clone(), hit: hit.into_owned(), initial }
    }

    /// Returns the ticket of this entry.
    async fn ticket(
        &self,
        charged: u64,
        context: &mut RequestContext<'_>,
    ) -> Result<Prepared<Ticket<'_>>, BackendError> {
        match self.initial.saturating_add(charged) {
            0 => Ok(Prepared::Passed(DecisionReason::Free)),
            cost => {
                Throttle::ticket(Cow::Borrowed(&self.throttle), self.hit.clone().cost(cost), context).await
            }
        }
    }
}

/// The tickets of all entries, if `charged` units are charged to each.
struct Bill<'e> {
    tickets: Vec<Ticket<'e>>,
    /// The throttles that charge nothing, with the reason.
    free: SmallVec<[(&'e Throttle, DecisionReason); 1]>,
}

impl<'e> Bill<'e> {
    async fn of(
        entries: &'e [Entry],
        charged: u64,
        context: &mut RequestContext<'_>,
    ) -> Result<Self, BackendError> {
        let mut bill = Self { tickets: Vec::new(), free: SmallVec::new() };
        for entry in entries {
            match entry.ticket(charged, context).await? {
                Prepared::Ready(ticket) if ticket.is_charged() => bill.tickets.push(ticket),
                Prepared::Ready(ticket) => bill.free.push((&entry.throttle, ticket.uncharged())),
                Prepared::Passed(reason) => bill.free.push((&entry.throttle, reason)),
            }
        }
        Ok(bill)
    }

    /// Returns the decision, if no throttle charges anything.
    fn nothing(&self) -> Option<Decision> {
        let reason = self.free.first().map_or(DecisionReason::Free, |(_, reason)| *reason);
        self.tickets.is_empty().then(|| Decision::passed(reason))
    }
}

/// Returns the decision that a [`commit`] would receive now.
pub(super) async fn check(entries: &[Entry], charged: u64) -> Result<Decision, BackendError> {
    // A transaction always has a first entry.
    let (first, mut parts) = (&entries[0].throttle, None);
    let mut context = first.empty_context(&mut parts);
    let bill = Bill::of(entries, charged, &mut context).await?;
    match bill.nothing() {
        Some(decision) => Ok(decision),
        None => several::check(&bill.tickets, &mut context).await,
    }
}

/// Charges all entries or none, as far as their throttles share a backend.
pub(super) async fn commit(entries: &[Entry], charged: u64) -> Result<Decision, BackendError> {
    let (first, mut parts) = (&entries[0].throttle, None);
    let mut context = first.empty_context(&mut parts);
    let bill = Bill::of(entries, charged, &mut context).await?;
    bill.free.iter().for_each(|(throttle, _)| throttle.count(Event::Skipped));
    match bill.nothing() {
        Some(decision) => Ok(decision),
        None => several::commit(bill.tickets, &mut context).await,
    }
}
