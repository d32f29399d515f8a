//! The stages of a decision: the backend, the backend again, another one, and then the policy.

use smallvec::SmallVec;

use super::backend::{ask, ask_standby};
use super::budget::Budget;
use super::react::{react, warn};
use super::{Charged, Decided, Ticket, probe};
use crate::backend::{Mode, Verdict};
use crate::counters::Event;
use crate::failure::{Entry, Permit, Rescue};
use crate::plug::Head;
use crate::{BackendError, Breaker, Decision, ErrorKind, Quota, Source};

/// What became of each ticket; `None` for those that were not asked about any more, since another one was denied.
pub(crate) type Answers = SmallVec<[Option<Result<Decided, BackendError>>; 1]>;

/// Decides tickets that share a backend.
pub(crate) async fn decide(tickets: &[&Ticket<'_>], mode: Mode, head: &mut Head<'_>) -> Answers {
    let mut stages = Stages { tickets, mode, answers: tickets.iter().map(|_| None).collect() };
    if tickets.iter().all(|ticket| ticket.policy.rescue.is_none()) {
        match ask(tickets, mode, None).await {
            Ok(verdict) => stages.keep(0..tickets.len(), &verdict, Source::Backend),
            Err(error) => stages.give_up(0..tickets.len(), &error, 1, head).await,
        }
    } else {
        stages.run(head).await;
    }
    stages.answers
}

struct Stages<'s, 't> {
    tickets: &'s [&'s Ticket<'t>],
    mode: Mode,
    answers: Answers,
}

/// The tickets for which the same is tried.
struct Part<'s> {
    tickets: SmallVec<[usize; 1]>,
    rescue: Option<&'s Rescue>,
    permit: Option<Permit<'s>>,
    /// Whether it tries for all others if the backend is back: once, since they wait for the result.
    probes: bool,
}

impl<'s> Stages<'s, '_> {
    async fn run(&mut self, head: &mut Head<'_>) {
        let budget = Budget::of(self.tickets);
        let (asked, refused) = self.parts();
        if !asked.is_empty() {
            let all: SmallVec<[usize; 1]> =
                asked.iter().flat_map(|part| part.tickets.iter().copied()).collect();
            match ask(&self.of(&all), self.mode, Some(budget.left())).await {
                Ok(verdict) => {
                    asked.into_iter().filter_map(|part| part.permit).for_each(Permit::succeeded);
                    self.keep(all, &verdict, Source::Backend);
                }
                Err(error) => {
                    for part in asked {
                        self.recover(part, error.clone(), budget, head).await;
                    }
                }
            }
        }
        for part in refused {
            if self.answers.iter().flatten().any(|answer| !passes(answer)) {
                return;
            }
            self.stand_in(&part, None, 0, head).await;
        }
    }

    /// The tickets by what is tried for them, and whether their breaker lets them ask at all.
    fn parts(&self) -> (SmallVec<[Part<'s>; 1]>, SmallVec<[Part<'s>; 1]>) {
        let mut parts: SmallVec<[Part<'s>; 1]> = SmallVec::new();
        for (index, ticket) in self.tickets.iter().enumerate() {
            let rescue = ticket.policy.rescue.as_deref();
            let same = |part: &&mut Part<'_>| match (part.rescue, rescue) {
                (Some(one), Some(other)) => one.goes_with(other),
                (one, other) => one.is_none() && other.is_none(),
            };
            if let Some(part) = parts.iter_mut().find(same) {
                part.tickets.push(index);
            } else {
                let tickets = SmallVec::from([index]);
                parts.push(Part { tickets, rescue, permit: None, probes: false });
            }
        }
        let (mut asked, mut refused) = (SmallVec::new(), SmallVec::new());
        for part in parts {
            let ticket = self.tickets[part.tickets[0]];
            let breaker = part.rescue.and_then(|rescue| rescue.breaker.as_ref());
            if breaker.is_some() {
                ticket.throttle.common().share_breakers();
            }
            match breaker.map(Breaker::enter) {
                Some(Entry::Refused) => refused.push(part),
                Some(Entry::Probe(permit)) if ticket.throttle.common().probes_in_background => {
                    probe::in_background(ticket, permit);
                    refused.push(part);
                }
                Some(Entry::Probe(permit)) => asked.push(Part { permit: Some(permit), probes: true, ..part }),
                Some(Entry::Pass(permit)) => asked.push(Part { permit: Some(permit), ..part }),
                None => asked.push(part),
            }
        }
        (asked, refused)
    }

    /// After a first failure: the backend again, as long as that cannot charge anybody twice.
    async fn recover(
        &mut self,
        mut part: Part<'s>,
        mut error: BackendError,
        budget: Budget,
        head: &mut Head<'_>,
    ) {
        let mut attempts = 1;
        let retry = part.rescue.and_then(|rescue| rescue.retry.as_ref()).filter(|_| !part.probes);
        while let Some(retry) = retry.filter(|retry| attempts <= retry.max && retry.applies(&error)) {
            let wait = retry.wait(attempts - 1);
            if wait >= budget.left() {
                break;
            }
            tokio::time::sleep(wait).await;
            if part.permit.as_ref().is_some_and(Permit::is_stale) {
                break;
            }
            attempts += 1;
            self.count(&part.tickets, Event::Retried);
            match ask(&self.of(&part.tickets), self.mode, Some(budget.left())).await {
                Ok(verdict) => {
                    part.permit.take().into_iter().for_each(Permit::succeeded);
                    return self.keep(part.tickets, &verdict, Source::Backend);
                }
                Err(again) => error = again,
            }
        }
        part.permit.take().into_iter().for_each(Permit::failed);
        self.stand_in(&part, Some(error), attempts, head).await;
    }

    /// The other backend, and then the policy. There is no error where the breaker has kept the first one from being
    /// asked.
    async fn stand_in(
        &mut self,
        part: &Part<'s>,
        error: Option<BackendError>,
        attempts: u32,
        head: &mut Head<'_>,
    ) {
        let standby = part.rescue.and_then(|rescue| rescue.standby.as_ref());
        let standby =
            standby.filter(|standby| error.as_ref().is_none_or(|error| standby.on.has(error.kind())));
        let Some(standby) = standby else {
            let error = error.unwrap_or_else(is_open);
            return self.give_up(part.tickets.iter().copied(), &error, attempts, head).await;
        };
        match ask_standby(standby, &self.of(&part.tickets), self.mode).await {
            Ok(verdict) => {
                let source = match &error {
                    Some(error) => {
                        part.tickets.iter().for_each(|index| warn(self.tickets[*index], error, "fallback"));
                        Source::Fallback
                    }
                    None => Source::BreakerOpen,
                };
                self.keep(part.tickets.iter().copied(), &verdict, source);
            }
            Err(theirs) => {
                let error = theirs.after(error.unwrap_or_else(is_open));
                self.give_up(part.tickets.iter().copied(), &error, attempts, head).await;
            }
        }
    }

    /// What a backend has decided.
    fn keep(&mut self, tickets: impl IntoIterator<Item = usize>, verdict: &Verdict, source: Source) {
        let standby = source != Source::Backend;
        let charged = verdict.quotas.iter().all(Quota::fits).then_some(Charged { at: verdict.at, standby });
        let mut quotas = &verdict.quotas[..];
        for index in tickets {
            let ticket = self.tickets[index];
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            if let Some(event) = Event::of_source(source).filter(|_| self.mode == Mode::Take) {
                ticket.throttle.count(event);
            }
            let decision = ticket.enforced(Ok(Decision::by_backend(own).by(source)));
            self.answers[index] = Some(decision.map(|decision| Decided { decision, charged }));
        }
    }

    /// What the policy says where no backend did.
    async fn give_up(
        &mut self,
        tickets: impl IntoIterator<Item = usize>,
        error: &BackendError,
        attempts: u32,
        head: &mut Head<'_>,
    ) {
        for index in tickets {
            let decision = react(self.tickets[index], error.clone(), attempts, head).await;
            self.answers[index] = Some(decision.map(|decision| Decided { decision, charged: None }));
        }
    }

    fn of(&self, part: &[usize]) -> SmallVec<[&'s Ticket<'s>; 1]> {
        part.iter().map(|index| self.tickets[*index]).collect()
    }

    fn count(&self, part: &[usize], event: Event) {
        for index in part {
            self.tickets[*index].throttle.count(event);
        }
    }
}

fn passes(answer: &Result<Decided, BackendError>) -> bool {
    answer.as_ref().is_ok_and(|decided| decided.decision.is_allowed())
}

fn is_open() -> BackendError {
    BackendError::new(ErrorKind::BreakerOpen, "the circuit breaker is open").nothing_charged()
}
