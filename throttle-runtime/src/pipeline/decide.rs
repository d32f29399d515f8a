//! The stages of a decision: the backend, retries, the fallback, and then `on_error`.
//!
//! The tickets of a request on one backend are one decision, even if their recoveries differ. All breakers are
//! checked, and the tickets that may call the backend are decided together. After a failure, each recovery
//! continues on its own.

use smallvec::SmallVec;

use super::backend_call::{ask, ask_standby, refund_standby, refund_units};
use super::breaker_gate::{Part, Parts};
use super::healthy::Healthy;
use super::heard::{admissions, hear};
use super::on_error::{react, warn};
use super::outcome::Charged;
use super::outcome::Decided;
use super::reconcile;
use super::ticket::Ticket;
use super::time_budget::Budget;
use crate::backend::{Attempt, Mode, Resets, Verdict};
use crate::config::resolver::Head;
use crate::resilience::{Permission, Standby};
use crate::throttle::counters::Event;
use crate::{BackendError, Decision, DecisionReason, ErrorKind};

/// The result of each ticket. `None` for tickets that were not decided any more, because another ticket was
/// denied.
pub(crate) type Answers = SmallVec<[Option<Result<Decided, BackendError>>; 1]>;

/// Decides tickets that share a backend.
pub(crate) async fn decide(tickets: &[&Ticket<'_>], mode: Mode, head: &mut Head<'_>) -> Answers {
    let mut stages = Stages::new(tickets, mode);
    let budget = Budget::of(tickets.iter().map(|ticket| &*ticket.policy));
    // The futures of the other stages are larger than this one. They are boxed, because otherwise they would
    // be part of the future of every decision.
    let Some(healthy) = Healthy::find(tickets) else {
        Box::pin(stages.run(budget, head)).await;
        return stages.answers;
    };
    let sent = stages.sent();
    match ask(tickets, (mode, stages.attempt.as_ref()), budget.left()).await {
        Ok(verdict) => {
            healthy.answered(&verdict);
            let late = stages.answered(0..tickets.len(), &verdict, &sent);
            if !late.is_empty() {
                Box::pin(stages.leave_to_fallback(late, verdict.at, head)).await;
            }
        }
        Err(error) => {
            Box::pin(stages.recover_all(healthy.into_parts(tickets), error, budget, head)).await;
        }
    }
    stages.answers
}

/// Decides a single ticket.
pub(crate) async fn decide_one(
    ticket: &Ticket<'_>,
    mode: Mode,
    head: &mut Head<'_>,
) -> Result<Decided, BackendError> {
    only(decide(&[ticket], mode, head).await)
}

/// Decides a single ticket after the first attempt at its backend failed. The attempt was made with `permit`.
pub(crate) async fn recover_one<'s>(
    ticket: &'s Ticket<'_>,
    mode: Mode,
    (permit, error): (Option<Permission<'s>>, BackendError),
    budget: Budget,
    head: &mut Head<'_>,
) -> Result<Decided, BackendError> {
    let tickets = [ticket];
    // The failed attempt had no token by which the backend could recognise a retry.
    let mut stages = Stages { attempt: None, ..Stages::new(&tickets, mode) };
    let part = Part { permit, ..Part::of(0, ticket) };
    stages.recover(part, error, budget, head).await;
    only(stages.answers)
}

/// Decides a single ticket that its backend admitted too late, at the time `at`.
pub(crate) async fn leave_one_to_fallback(
    ticket: &Ticket<'_>,
    (units, at): (u64, u64),
    head: &mut Head<'_>,
) -> Result<Decided, BackendError> {
    let tickets = [ticket];
    let mut stages = Stages::new(&tickets, Mode::Consume);
    stages.leave_to_fallback(Late::from_buf([(0, units)]), at, head).await;
    only(stages.answers)
}

/// Returns the first result. Each ticket up to the first denied one has a result.
fn only(answers: Answers) -> Result<Decided, BackendError> {
    answers.into_iter().flatten().next().unwrap_or_else(|| Ok(Decided::by_nobody(DecisionReason::Disabled)))
}

/// Tickets, by index, that a backend admitted after its fallback had admitted the remaining quota, with the
/// number of units that are refunded for each.
type Late = SmallVec<[(usize, u64); 1]>;

/// For each ticket, the number of the fallback's last admission before the backend was called.
struct Sent(SmallVec<[u64; 1]>);

struct Stages<'s, 't> {
    tickets: &'s [&'s Ticket<'t>],
    mode: Mode,
    answers: Answers,
    /// For each ticket, the number of its backend's last reset before the backend was called.
    taken: SmallVec<[Option<u64>; 1]>,
    /// The first attempt, if the backend can recognise retries of it.
    attempt: Option<Attempt>,
}

impl<'s, 't> Stages<'s, 't> {
    fn new(tickets: &'s [&'s Ticket<'t>], mode: Mode) -> Self {
        let (answers, taken) =
            (tickets.iter().map(|_| None).collect(), SmallVec::from_elem(None, tickets.len()));
        let recognises = mode == Mode::Consume && tickets.iter().any(|ticket| ticket.policy.recognises());
        let longest = || tickets.iter().map(|ticket| ticket.policy.total_timeout).max().unwrap_or_default();
        let attempt = recognises.then(|| Attempt::within(longest()));
        Self { tickets, mode, answers, taken, attempt }
    }

    /// Notes the state of backends and fallbacks before the backends are called.
    fn sent(&mut self) -> Sent {
        for (taken, ticket) in self.taken.iter_mut().zip(self.tickets) {
            *taken = ticket.policy.primary.backend.resets().map(Resets::last);
        }
        Sent(self.tickets.iter().map(|ticket| admissions(&ticket.policy)).collect())
    }

    async fn run(&mut self, budget: Budget, head: &mut Head<'_>) {
        let (parts, mut refused) = Part::entered(self.tickets);
        let mut asked = Parts::new();
        for part in parts {
            if self.is_over() {
                return;
            }
            match reconcile::pay(&self.of(&part.tickets), self.mode, budget).await {
                Ok(true) => asked.push(part),
                Ok(false) => refused.push((Part { permit: None, ..part }, DecisionReason::Fallback)),
                Err(error) => self.recover(part, error, budget, head).await,
            }
        }
        if !asked.is_empty() {
            let all: SmallVec<[usize; 1]> =
                asked.iter().flat_map(|part| part.tickets.iter().copied()).collect();
            let sent = self.sent();
            match ask(&self.of(&all), (self.mode, self.attempt.as_ref()), budget.left()).await {
                Ok(verdict) => {
                    let permits = asked.into_iter().filter_map(|part| part.permit);
                    permits.for_each(|permit| permit.answered(&verdict));
                    let late = self.answered(all, &verdict, &sent);
                    self.leave_to_fallback(late, verdict.at, head).await;
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

    /// Retries the backend after a first failure, as long as a retry cannot charge a client twice.
    async fn recover(
        &mut self,
        mut part: Part<'s>,
        mut error: BackendError,
        budget: Budget,
        head: &mut Head<'_>,
    ) {
        let mut attempts = 1;
        let is_recognised = self.attempt.is_some()
            && part.tickets.iter().all(|index| self.tickets[*index].policy.recognises());
        while part.tries_again(attempts, (&error, is_recognised), budget).await {
            attempts += 1;
            self.count(&part.tickets, Event::Retried);
            let sent = self.sent();
            match self.ask_again(&part.tickets, budget).await {
                Ok(Some(verdict)) => {
                    part.permit.take().into_iter().for_each(|permit| permit.answered(&verdict));
                    let late = self.answered(part.tickets, &verdict, &sent);
                    return self.leave_to_fallback(late, verdict.at, head).await;
                }
                Ok(None) => return self.stand_in(&part, Err(DecisionReason::Fallback), attempts, head).await,
                Err(again) => error = again,
            }
        }
        part.permit.take().into_iter().for_each(|permit| permit.failed_by(&error));
        self.stand_in(&part, Ok(error), attempts, head).await;
    }

    /// Calls the backend again. Returns `None` if another request is reconciling the usage of these
    /// identities.
    async fn ask_again(&self, part: &[usize], budget: Budget) -> Result<Option<Verdict>, BackendError> {
        let tickets = self.of(part);
        if !reconcile::pay(&tickets, self.mode, budget).await? {
            return Ok(None);
        }
        let attempt = self.attempt.map(Attempt::retried);
        ask(&tickets, (self.mode, attempt.as_ref()), budget.left()).await.map(Some)
    }

    /// Calls the fallback, and then `on_error`. `why` is the error of the backend, or the reason why the
    /// backend was not called.
    async fn stand_in(
        &mut self,
        part: &Part<'s>,
        why: Result<BackendError, DecisionReason>,
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
        for index in &part.tickets {
            self.taken[*index] = standby.member.backend.resets().map(Resets::last);
        }
        match self.standby(standby, part).await {
            Ok(verdict) => {
                let source = why.as_ref().err().copied().unwrap_or(DecisionReason::Fallback);
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

    /// Returns the decision of the fallback. If the backend has answered other requests meanwhile, and the
    /// charge of the fallback no longer fits, the fallback starts again from that answer. If it cannot start
    /// again, that answer denies the request.
    async fn standby(&self, standby: &Standby, part: &Part<'_>) -> Result<Verdict, BackendError> {
        let tickets = self.of(&part.tickets);
        for _ in 0..ATTEMPTS {
            let verdict = ask_standby(standby, &tickets, self.mode).await?;
            let admits = verdict.quotas.fit() && self.mode == Mode::Consume;
            if !admits || remember_admission(&tickets) {
                return Ok(verdict);
            }
            for ticket in &tickets {
                refund_standby(standby, ticket, verdict.at).await?;
            }
            if !tickets.iter().any(|ticket| can_begin(ticket)) {
                let mut verdict = ask_standby(standby, &tickets, Mode::Peek).await?;
                deny(&tickets, &mut verdict);
                if !verdict.quotas.fit() {
                    return Ok(verdict);
                }
            }
        }
        let text =
            format!("the reply of the backend arrived during {ATTEMPTS} decisions of the fallback in a row");
        Err(BackendError::new(ErrorKind::Store, text).safe_to_retry())
    }

    /// Lets the fallback decide about tickets that the backend admitted too late. The fallback had already
    /// admitted the remaining quota.
    async fn leave_to_fallback(&mut self, late: Late, at: u64, head: &mut Head<'_>) {
        for (index, units) in late {
            let ticket = self.tickets[index];
            refund_units(ticket, units, at).await;
            self.answers[index] = None;
            self.stand_in(&Part::of(index, ticket), Err(DecisionReason::Fallback), 0, head).await;
        }
    }

    /// Stores the answer of the backend. Returns the tickets that the backend admitted too late.
    fn answered(
        &mut self,
        tickets: impl IntoIterator<Item = usize> + Clone,
        verdict: &Verdict,
        sent: &Sent,
    ) -> Late {
        let late = if verdict.is_cached() { Late::new() } else { self.hear(tickets.clone(), verdict, sent) };
        self.keep(tickets, verdict, DecisionReason::Backend);
        late
    }

    /// Stores the remaining quota that the backend reported, for its fallback. Returns the tickets whose
    /// answer came too late.
    fn hear(&self, tickets: impl IntoIterator<Item = usize>, verdict: &Verdict, sent: &Sent) -> Late {
        let (mut quotas, mut late) = (&verdict.quotas[..], Late::new());
        // A denial charges nothing, so it is never too late.
        let is_charged = verdict.quotas.fit();
        for index in tickets {
            let ticket = self.tickets[index];
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            let sent = if is_charged { sent.0[index] } else { u64::MAX };
            if ticket.policy.carry.is_some()
                && self.mode == Mode::Consume
                && let Some(units) =
                    hear(&ticket.throttle, &ticket.policy, &ticket.charge(), own, (verdict.at, sent))
            {
                late.push((index, units));
            }
        }
        late
    }

    /// Stores the decision of a backend.
    fn keep(&mut self, tickets: impl IntoIterator<Item = usize>, verdict: &Verdict, source: DecisionReason) {
        let fits = verdict.quotas.fit();
        let source = if source == DecisionReason::Backend { verdict.reason() } else { source };
        let mut quotas = &verdict.quotas[..];
        for index in tickets {
            let ticket = self.tickets[index];
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            if let Some(event) = Event::of_source(source).filter(|_| self.mode == Mode::Consume) {
                ticket.throttle.count(event);
            }
            let charged = fits.then(|| self.charged(index, verdict.at, source));
            let decision = ticket.enforced(Ok(Decision::by_backend(own.into()).by(source)));
            self.answers[index] = Some(decision.map(|decision| Decided { decision, charged }));
        }
    }

    fn charged(&self, index: usize, at: u64, source: DecisionReason) -> Charged {
        let ticket = self.tickets[index];
        let carry = ticket.policy.carry.as_ref();
        let carry = carry.filter(|_| {
            matches!(source, DecisionReason::Fallback | DecisionReason::BreakerOpen)
                && self.mode == Mode::Consume
        });
        let by_standby = carry.map(|_| ticket.now());
        Charged { at, by_standby, taken: self.taken[index] }
    }

    /// Applies `on_error`, because no backend made a decision.
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

    /// Whether a ticket was denied or failed, so that the remaining tickets need no decision.
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

/// Records that the fallback admitted all of these tickets. If one of them no longer fits, records none of
/// them and returns `false`.
fn remember_admission(tickets: &[&Ticket<'_>]) -> bool {
    for (index, ticket) in tickets.iter().enumerate() {
        let Some(carry) = &ticket.policy.carry else { continue };
        if !carry.admitted(&ticket.charge(), ticket.now()) {
            for ticket in &tickets[..index] {
                if let Some(carry) = &ticket.policy.carry {
                    carry.gave_back(&ticket.charge(), ticket.now(), ticket.now());
                }
            }
            return false;
        }
    }
    true
}

fn can_begin(ticket: &Ticket<'_>) -> bool {
    ticket.policy.carry.as_ref().is_some_and(|carry| carry.can_begin(&ticket.charge()))
}

/// Denies the tickets that do not fit the quota in the last answers of their backends.
fn deny(tickets: &[&Ticket<'_>], verdict: &mut Verdict) {
    let mut quotas = &mut verdict.quotas[..];
    for ticket in tickets {
        let (own, others) = quotas.split_at_mut(ticket.rates.len());
        quotas = others;
        if let Some(carry) = &ticket.policy.carry {
            carry.deny(&ticket.charge(), ticket.now(), own);
        }
    }
}

/// How often the fallback starts again for one decision.
const ATTEMPTS: usize = 8;

pub(crate) fn is_open() -> BackendError {
    BackendError::new(ErrorKind::BreakerOpen, "the circuit breaker is open").safe_to_retry()
}
