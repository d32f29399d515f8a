//! The stages of a decision: the backend, the backend again, another one, and then the policy.

use smallvec::SmallVec;

use super::backend::{ask, ask_standby};
use super::budget::Budget;
use super::healthy::Healthy;
use super::heard::hear;
use super::part::{Part, Parts};
use super::react::{react, warn};
use super::{Charged, Decided, Ticket, debts};
use crate::backend::{Mode, Verdict};
use crate::counters::Event;
use crate::failure::Permit;
use crate::plug::Head;
use crate::{BackendError, Decision, ErrorKind, Source};

/// What became of each ticket; `None` for those that were not asked about any more, since another one was denied.
pub(crate) type Answers = SmallVec<[Option<Result<Decided, BackendError>>; 1]>;

/// Decides tickets that share a backend.
pub(crate) async fn decide(tickets: &[&Ticket<'_>], mode: Mode, head: &mut Head<'_>) -> Answers {
    let mut stages = Stages::new(tickets, mode);
    let budget = Budget::of(tickets.iter().map(|ticket| &*ticket.policy));
    // The futures of what else may come are larger than all others, and would be part of that of every decision.
    let Some(healthy) = Healthy::find(tickets) else {
        Box::pin(stages.run(budget, head)).await;
        return stages.answers;
    };
    match ask(tickets, mode, budget.left()).await {
        Ok(verdict) => {
            healthy.answered(&verdict);
            stages.answered(0..tickets.len(), &verdict);
        }
        Err(error) => {
            Box::pin(stages.recover_all(healthy.into_parts(tickets), error, budget, head)).await;
        }
    }
    stages.answers
}

/// Decides a ticket that is alone.
pub(crate) async fn decide_one(
    ticket: &Ticket<'_>,
    mode: Mode,
    head: &mut Head<'_>,
) -> Result<Decided, BackendError> {
    only(decide(&[ticket], mode, head).await)
}

/// Decides a ticket that is alone, whose backend has failed for the first time after that permit.
pub(super) async fn recover_one<'s>(
    ticket: &'s Ticket<'_>,
    mode: Mode,
    (permit, error): (Option<Permit<'s>>, BackendError),
    budget: Budget,
    head: &mut Head<'_>,
) -> Result<Decided, BackendError> {
    let tickets = [ticket];
    let mut stages = Stages::new(&tickets, mode);
    let part = Part { permit, ..Part::of(0, ticket) };
    stages.recover(part, error, budget, head).await;
    only(stages.answers)
}

/// There is an answer for each ticket up to the first that is denied.
fn only(answers: Answers) -> Result<Decided, BackendError> {
    answers.into_iter().flatten().next().unwrap_or_else(|| Ok(Decided::by_nobody(Source::Disabled)))
}

struct Stages<'s, 't> {
    tickets: &'s [&'s Ticket<'t>],
    mode: Mode,
    answers: Answers,
}

impl<'s, 't> Stages<'s, 't> {
    fn new(tickets: &'s [&'s Ticket<'t>], mode: Mode) -> Self {
        Self { tickets, mode, answers: tickets.iter().map(|_| None).collect() }
    }

    async fn run(&mut self, budget: Budget, head: &mut Head<'_>) {
        let (parts, mut refused) = Part::entered(self.tickets);
        let mut asked = Parts::new();
        for part in parts {
            if self.is_over() {
                return;
            }
            match debts::pay(&self.of(&part.tickets), self.mode, budget).await {
                Ok(true) => asked.push(part),
                Ok(false) => refused.push((Part { permit: None, ..part }, Source::Fallback)),
                Err(error) => self.recover(part, error, budget, head).await,
            }
        }
        if !asked.is_empty() {
            let all: SmallVec<[usize; 1]> =
                asked.iter().flat_map(|part| part.tickets.iter().copied()).collect();
            match ask(&self.of(&all), self.mode, budget.left()).await {
                Ok(verdict) => {
                    let permits = asked.into_iter().filter_map(|part| part.permit);
                    permits.for_each(|permit| permit.answered(&verdict));
                    self.answered(all, &verdict);
                }
                Err(error) => self.recover_all(asked, error, budget, head).await,
            }
        }
        for (part, source) in refused {
            if self.is_over() {
                return;
            }
            self.stand_in(&part, Err(source), 0, head).await;
        }
    }

    async fn recover_all(
        &mut self,
        parts: Parts<'s>,
        error: BackendError,
        budget: Budget,
        head: &mut Head<'_>,
    ) {
        for part in parts {
            if self.is_over() {
                return;
            }
            self.recover(part, error.clone(), budget, head).await;
        }
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
        while part.tries_again(attempts, &error, budget).await {
            attempts += 1;
            self.count(&part.tickets, Event::Retried);
            match self.ask_again(&part.tickets, budget).await {
                Ok(Some(verdict)) => {
                    part.permit.take().into_iter().for_each(|permit| permit.answered(&verdict));
                    return self.answered(part.tickets, &verdict);
                }
                Ok(None) => return self.stand_in(&part, Err(Source::Fallback), attempts, head).await,
                Err(again) => error = again,
            }
        }
        part.permit.take().into_iter().for_each(|permit| permit.failed_by(&error));
        self.stand_in(&part, Ok(error), attempts, head).await;
    }

    /// What the backend says, unless somebody else is paying it what the other one has admitted.
    async fn ask_again(&self, part: &[usize], budget: Budget) -> Result<Option<Verdict>, BackendError> {
        let tickets = self.of(part);
        if !debts::pay(&tickets, self.mode, budget).await? {
            return Ok(None);
        }
        ask(&tickets, self.mode, budget.left()).await.map(Some)
    }

    /// The other backend, and then the policy: after an error, or for another reason not to ask the first one.
    async fn stand_in(
        &mut self,
        part: &Part<'s>,
        why: Result<BackendError, Source>,
        attempts: u32,
        head: &mut Head<'_>,
    ) {
        let standby = part.rescue.and_then(|rescue| rescue.standby.as_ref());
        let standby =
            standby.filter(|standby| why.as_ref().map_or(true, |error| standby.on.has(error.kind())));
        let Some(standby) = standby else {
            let error = why.unwrap_or_else(|_| is_open());
            return self.give_up(part.tickets.iter().copied(), &error, attempts, head).await;
        };
        match ask_standby(standby, &self.of(&part.tickets), self.mode).await {
            Ok(verdict) => {
                let source = why.as_ref().err().copied().unwrap_or(Source::Fallback);
                if let Ok(error) = &why {
                    part.tickets.iter().for_each(|index| warn(self.tickets[*index], error, "fallback"));
                }
                self.keep(part.tickets.iter().copied(), &verdict, source);
            }
            Err(theirs) => {
                let error = theirs.after(why.unwrap_or_else(|_| is_open()));
                self.give_up(part.tickets.iter().copied(), &error, attempts, head).await;
            }
        }
    }

    fn answered(&mut self, tickets: impl IntoIterator<Item = usize> + Clone, verdict: &Verdict) {
        if !verdict.is_cached() {
            self.hear(tickets.clone(), verdict);
        }
        self.keep(tickets, verdict, Source::Backend);
    }

    /// What the backend said about tickets that another one may have to decide about soon.
    fn hear(&self, tickets: impl IntoIterator<Item = usize>, verdict: &Verdict) {
        let mut quotas = &verdict.quotas[..];
        for ticket in tickets.into_iter().map(|index| self.tickets[index]) {
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            if ticket.policy.carry.is_some() && self.mode == Mode::Take {
                hear(&ticket.throttle, &ticket.policy, &ticket.charge(), own, verdict.at);
            }
        }
    }

    /// What a backend has decided.
    fn keep(&mut self, tickets: impl IntoIterator<Item = usize>, verdict: &Verdict, source: Source) {
        let fits = verdict.quotas.fit();
        let source = if source == Source::Backend { verdict.source() } else { source };
        let mut quotas = &verdict.quotas[..];
        for index in tickets {
            let ticket = self.tickets[index];
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            if let Some(event) = Event::of_source(source).filter(|_| self.mode == Mode::Take) {
                ticket.throttle.count(event);
            }
            let charged = fits.then(|| self.charged(ticket, verdict.at, source));
            let decision = ticket.enforced(Ok(Decision::by_backend(own.into()).by(source)));
            self.answers[index] = Some(decision.map(|decision| Decided { decision, charged }));
        }
    }

    fn charged(&self, ticket: &Ticket<'_>, at: u64, source: Source) -> Charged {
        let carry = ticket.policy.carry.as_ref();
        let carry = carry
            .filter(|_| matches!(source, Source::Fallback | Source::BreakerOpen) && self.mode == Mode::Take);
        let by_standby = carry.map(|carry| {
            let now = ticket.now();
            carry.admitted(&ticket.charge(), now);
            now
        });
        Charged { at, by_standby }
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

    /// Whether a ticket was denied, so that the others need not be asked about.
    fn is_over(&self) -> bool {
        let passes = |answer: &Result<Decided, BackendError>| {
            answer.as_ref().is_ok_and(|decided| decided.decision.is_allowed())
        };
        self.answers.iter().flatten().any(|answer| !passes(answer))
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

pub(super) fn is_open() -> BackendError {
    BackendError::new(ErrorKind::BreakerOpen, "the circuit breaker is open").nothing_charged()
}
