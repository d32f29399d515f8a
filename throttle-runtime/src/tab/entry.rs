//! One throttle's part of a tab.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::admission::{self, Ticket};
use crate::counters::Event;
use crate::plug::Head;
use crate::{BackendError, Decision, Hit, Source, Throttle};

/// Who pays to which throttle, and what in any case.
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

    /// What it comes to, or why it comes to nothing.
    async fn ticket(
        &self,
        charged: u64,
        head: &mut Head<'_>,
    ) -> Result<Result<Ticket<'_>, Source>, BackendError> {
        match self.initial.saturating_add(charged) {
            0 => Ok(Err(Source::Free)),
            cost => Throttle::ticket(Cow::Borrowed(&self.throttle), self.hit.clone().cost(cost), head).await,
        }
    }
}

/// What entries come to with so much charged to all of them.
struct Bill<'e> {
    tickets: SmallVec<[Ticket<'e>; 1]>,
    /// Those that come to nothing, and why.
    free: SmallVec<[(&'e Throttle, Source); 1]>,
}

impl<'e> Bill<'e> {
    async fn of(entries: &'e [Entry], charged: u64, head: &mut Head<'_>) -> Result<Self, BackendError> {
        let mut bill = Self { tickets: SmallVec::new(), free: SmallVec::new() };
        for entry in entries {
            match entry.ticket(charged, head).await? {
                Ok(ticket) if ticket.is_charged() => bill.tickets.push(ticket),
                Ok(ticket) => bill.free.push((&entry.throttle, ticket.uncharged())),
                Err(source) => bill.free.push((&entry.throttle, source)),
            }
        }
        Ok(bill)
    }

    /// The decision where there is nothing to pay.
    fn nothing(&self) -> Option<Decision> {
        let source = self.free.first().map_or(Source::Free, |(_, source)| *source);
        self.tickets.is_empty().then(|| Decision::passed(source))
    }
}

/// What a [`commit`] would be answered now.
pub(super) async fn check(entries: &[Entry], charged: u64) -> Result<Decision, BackendError> {
    // A tab is opened with one.
    let (first, mut parts) = (&entries[0].throttle, None);
    let mut head = first.empty_head(&mut parts);
    let bill = Bill::of(entries, charged, &mut head).await?;
    match bill.nothing() {
        Some(decision) => Ok(decision),
        None => admission::check(&bill.tickets, &mut head).await,
    }
}

/// Charges all of them or none, as far as throttles share a backend.
pub(super) async fn commit(entries: &[Entry], charged: u64) -> Result<Decision, BackendError> {
    let (first, mut parts) = (&entries[0].throttle, None);
    let mut head = first.empty_head(&mut parts);
    let bill = Bill::of(entries, charged, &mut head).await?;
    bill.free.iter().for_each(|(throttle, _)| throttle.count(Event::Skipped));
    match bill.nothing() {
        Some(decision) => Ok(decision),
        None => admission::commit(bill.tickets, &mut head).await,
    }
}
