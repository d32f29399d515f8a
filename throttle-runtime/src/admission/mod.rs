//! The way of one request through its throttles: what an attribute does, whatever function it stands on.

#[cfg(any(feature = "axum", feature = "tower"))]
mod at_once;
mod backend;
mod budget;
mod debts;
mod degrade;
mod healthy;
mod heard;
mod known_keys;
#[cfg(feature = "ws")]
mod one;
mod part;
mod places;
mod plain;
mod probe;
#[cfg(any(feature = "axum", feature = "tower"))]
mod reached;
mod react;
mod rejection;
mod reset;
#[cfg(any(feature = "axum", feature = "tower"))]
mod settle;
mod several;
mod stages;
mod ticket;

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use smallvec::SmallVec;

#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use at_once::{AtOnce, at_once};
pub(crate) use backend::{give_back, within};
pub(crate) use degrade::Told;
pub(crate) use known_keys::KnownKeys;
#[cfg(feature = "ws")]
pub(crate) use one::hit;
pub(crate) use plain::Plain;
#[cfg(feature = "axum")]
pub(crate) use reached::Pending;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use reached::Reach;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use reached::Reached;
pub(crate) use rejection::Rejection;
pub(crate) use reset::reset;
#[cfg(any(feature = "axum", feature = "tower"))]
pub(crate) use settle::settled;
pub(crate) use several::{check, commit, share_a_backend};
pub(crate) use stages::{decide, decide_one};
pub(crate) use ticket::{Given, Stop, Terms, Ticket};

use crate::backend::{Held, Mode};
use crate::counters::Event;
use crate::plug::Head;
use crate::registry::Registry;
use crate::{BackendError, Decision, Key, Site, Source, Throttle};

/// What a throttle decided.
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    /// `None` if nothing was taken.
    pub(crate) charged: Option<Charged>,
}

impl Decided {
    /// No backend was asked.
    pub(crate) const fn by_nobody(source: Source) -> Self {
        Self { decision: Decision::passed(source), charged: None }
    }
}

/// What was taken.
#[derive(Clone, Copy)]
pub(crate) struct Charged {
    /// When, by the backend's time.
    at: u64,
    /// When, by the time of this process, if the backend that stands in for the throttle's own took it.
    by_standby: Option<u64>,
    /// The number of the last reset of that backend before the charge.
    taken: Option<u64>,
}

/// The tickets of one request, their decisions as far as they are made, and its places.
pub(crate) struct Admission<'a> {
    pub(crate) tickets: SmallVec<[Ticket<'a>; 1]>,
    pub(crate) decided: SmallVec<[Option<Decided>; 1]>,
    told: Told,
    /// Its places among those that are in flight.
    pub(crate) held: Vec<Held>,
}

/// Decides a request against all sites of a function, in reading order. `keys` has a key for each site whose
/// key is made of the function's arguments.
pub(crate) async fn admit<'s>(
    sites: &'s [Site],
    keys: impl IntoIterator<Item = Option<Key>>,
    mut drawn: Drawn<'s, '_>,
    head: &mut Head<'_>,
    registry: &Registry,
) -> Result<Admission<'s>, Rejection> {
    for (site, key) in sites.iter().zip(keys) {
        let throttle = site.throttle(registry).map_err(Rejection::Misconfigured)?;
        drawn.draw(throttle, Given { key, cost: site.cost() }, head).await?;
    }
    drawn.decide(head).await
}

/// The tickets of a request whose throttles are asked one after the other what it comes to.
pub(crate) struct Drawn<'a, 'k> {
    tickets: SmallVec<[Ticket<'a>; 1]>,
    known: &'k mut KnownKeys,
    told: Told,
}

impl<'a, 'k> Drawn<'a, 'k> {
    pub(crate) const fn new(known: &'k mut KnownKeys, told: Told) -> Self {
        Self { tickets: SmallVec::new_const(), known, told }
    }

    /// Adds a ticket that is there already.
    pub(crate) fn add(&mut self, ticket: Ticket<'a>) {
        self.tickets.push(ticket);
    }

    /// Adds the ticket of the next throttle, if it applies.
    pub(crate) async fn draw(
        &mut self,
        throttle: Cow<'a, Throttle>,
        given: Given,
        head: &mut Head<'_>,
    ) -> Result<(), Rejection> {
        let policy = throttle.policy().into_owned();
        let degrades = policy.degrade.then(|| Arc::clone(throttle.uid_shared()));
        match Ticket::draw((throttle, policy), given, self.known, head).await {
            Ok(Ok(ticket)) => self.take(ticket, head),
            Ok(Err(source)) => self.told.of_passed(degrades, source),
            Err(stop) => return Err(Rejection::Stopped(stop)),
        }
        Ok(())
    }

    /// Takes a ticket, unless its throttle decides about the request already: a request is charged once, at the highest
    /// of its costs.
    #[cfg_attr(
        not(any(feature = "axum", feature = "tower")),
        expect(
            unused_mut,
            unused_variables,
            reason = "only layers and handlers leave decisions with a request"
        )
    )]
    fn take(&mut self, mut ticket: Ticket<'a>, head: &Head<'_>) {
        if !ticket.policy.once_per_request {
            self.tickets.push(ticket);
            return;
        }
        let same = |known: &&mut Ticket<'_>| known.throttle.is(&ticket.throttle) && known.key == ticket.key;
        if let Some(known) = self.tickets.iter_mut().find(same) {
            known.cost = known.cost.max(ticket.cost);
            return;
        }
        #[cfg(any(feature = "axum", feature = "tower"))]
        if ticket.throttle.is_marked()
            && let Some(reach) = Reached::find(&head.parts.extensions, &ticket)
        {
            if ticket.cost <= reach.cost {
                self.told.of_earlier(&ticket.policy, reach.decision);
                return;
            }
            ticket.cost -= reach.cost;
            ticket.charged_before = Some(reach.cost);
        }
        self.tickets.push(ticket);
    }

    /// Decides the request.
    pub(crate) async fn decide(self, head: &mut Head<'_>) -> Result<Admission<'a>, Rejection> {
        let mut admission = Admission::of(self.tickets, self.told);
        let outcome = admission.enter(head).await;
        admission.settled(outcome).await
    }
}

impl<'a> Admission<'a> {
    fn of(tickets: SmallVec<[Ticket<'a>; 1]>, told: Told) -> Self {
        let decided = tickets.iter().map(|_| None).collect();
        Self { tickets, decided, told, held: Vec::new() }
    }

    /// Counts what was taken, which is given back if the request does not go on.
    async fn settled(mut self, outcome: Result<(), Rejection>) -> Result<Self, Rejection> {
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

    /// Takes the places of these tickets among those that are in flight, and decides them.
    async fn enter(&mut self, head: &mut Head<'_>) -> Result<(), Rejection> {
        if self.tickets.iter().any(|ticket| ticket.policy.concurrency.is_some()) {
            // Its future would be part of that of every decision.
            Box::pin(self.take_places(head)).await?;
        }
        self.decide(head).await
    }

    /// Decides the tickets in reading order, those on one backend together, until one ends the request.
    async fn decide(&mut self, head: &mut Head<'_>) -> Result<(), Rejection> {
        for first in 0..self.tickets.len() {
            if self.decided[first].is_none() {
                let group = self.together_with(first);
                self.decide_group(&group, head).await?;
                self.enforce(&group, head.parts)?;
            }
        }
        Ok(())
    }

    /// The undecided tickets on the backend of this one: they are charged all or nothing. Whose denial does not
    /// end the request decides for itself, since it must not keep others from being charged.
    fn together_with(&self, first: usize) -> SmallVec<[usize; 2]> {
        let alone = |ticket: &Ticket<'_>| ticket.dry || self.told.of_denials_by(&ticket.policy);
        let shares = |index: &usize| {
            let (a, b) = (&self.tickets[first], &self.tickets[*index]);
            self.decided[*index].is_none() && share_a_backend((&a.policy, alone(a)), (&b.policy, alone(b)))
        };
        std::iter::once(first).chain((first + 1..self.tickets.len()).filter(shares)).collect()
    }

    async fn decide_group(&mut self, group: &[usize], head: &mut Head<'_>) -> Result<(), Rejection> {
        let answers = {
            let tickets: SmallVec<[&Ticket<'_>; 2]> =
                group.iter().map(|&index| &self.tickets[index]).collect();
            decide(&tickets, Mode::Take, head).await
        };
        // All of them are kept before one ends the request, so that what was taken is given back.
        let mut kept = Ok(());
        for (&index, answer) in group.iter().zip(answers) {
            if let Some(answer) = answer {
                kept = self.record(index, answer).and(kept);
            }
        }
        kept
    }

    /// Counts and keeps a decision. A charge is counted when it is settled whether it stays.
    fn record(&mut self, index: usize, answer: Result<Decided, BackendError>) -> Result<(), Rejection> {
        let event = Event::of(answer.as_ref().map(|decided| &decided.decision));
        if !matches!(event, Event::Allowed) {
            self.tickets[index].throttle.count(event);
        }
        let decided = answer.map_err(|error| Rejection::Stopped(Stop::Failed(error)))?;
        self.decided[index] = Some(decided);
        Ok(())
    }

    /// Ends the request if a decision of this group is a denial that counts. Of several the longest wait is
    /// the answer, so that the request fits all of them after it.
    fn enforce(&self, group: &[usize], head: &Parts) -> Result<(), Rejection> {
        let denials = group.iter().filter_map(|&index| {
            let (ticket, decision) = (&self.tickets[index], &self.decided[index].as_ref()?.decision);
            let counts = decision.is_throttled() && !self.told.of_denials_by(&ticket.policy);
            counts.then_some((ticket, decision))
        });
        let worst = denials.max_by_key(|(_, decision)| decision.strictness());
        let Some((ticket, decision)) = worst else { return Ok(()) };
        let common = ticket.throttle.common();
        common.notices.of_undeclared_proxy(head, &common.clients);
        tracing::debug!(target: "throttle", uid = ticket.throttle.uid(), retry_after = ?decision.retry_after(), "throttled");
        let error = ticket.error.get().cloned();
        Err(Rejection::throttled(&ticket.throttle, &ticket.policy, decision.clone(), error, head))
    }

    /// The tickets that are decided, each with its own decision: there may be others before it that are not.
    pub(crate) fn decided(&self) -> impl Iterator<Item = (&Ticket<'_>, &Decided)> {
        self.tickets
            .iter()
            .zip(&self.decided)
            .filter_map(|(ticket, decided)| Some((ticket, decided.as_ref()?)))
    }

    /// Counts what was charged: as allowed, or as this if it was given back.
    fn count_charges(&self, event: Event) {
        for (ticket, decided) in self.decided() {
            // All others are counted since they were decided. Of throttles that are charged all or nothing, those whose
            // limits the request fits have taken nothing if it does not fit another's.
            let is_counted_before = ticket.charged_before.is_some() && matches!(event, Event::Allowed);
            if !is_counted_before && matches!(Event::of(Ok(&decided.decision)), Event::Allowed) {
                ticket.throttle.count(if ticket.dry { Event::Allowed } else { event });
            }
        }
    }

    /// Gives back what was taken for a request that then did not go on. A dry run keeps what it took: it
    /// counts what came, not what passed.
    async fn give_back(&self) {
        for (ticket, decided) in self.decided() {
            if let Some(charged) = decided.charged.filter(|_| !ticket.dry) {
                backend::refund(ticket, charged).await;
            }
        }
    }
}
