//! Charges of a backend: what a decision about rates calls in the [failover engine](super::failover).

use smallvec::SmallVec;

use super::backend_call::{Budget, call_primary, refund_units};
use super::failover::{Call, Late, LateTicket};
use super::fallback;
use super::outcome::{Charged, Decided};
use super::reconcile::{admissions, pay, record_answer};
use super::ticket::Ticket;
use crate::backend::{Attempt, Mode, Resets, Verdict};
use crate::decision::{Decision, DecisionReason};
use crate::error::BackendError;
use crate::resilience::{Permission, PrimaryAnswer, Standby};
use crate::throttle::counters::Event;

/// The result of each ticket. `None` for tickets that were not decided any more, because another ticket was
/// denied.
pub(crate) type Answers = SmallVec<[Option<Result<Decided, BackendError>>; 1]>;

/// The charges of tickets that share a primary.
pub(super) struct Charging<'s> {
    tickets: &'s [&'s Ticket<'s>],
    mode: Mode,
    pub(super) answers: Answers,
    /// For each ticket, the number of its backend's last reset before the backend was called.
    taken: SmallVec<[Option<u64>; 1]>,
    /// For each ticket, the number of the fallback's last admission before the primary was called.
    sent: SmallVec<[u64; 1]>,
    /// The first attempt, if the primary can recognise retries of it.
    attempt: Option<Attempt>,
}

impl<'s> Charging<'s> {
    pub(super) fn new(tickets: &'s [&'s Ticket<'s>], mode: Mode) -> Self {
        let recognises = mode == Mode::Consume && tickets.iter().any(|ticket| ticket.policy.recognises());
        let longest = || tickets.iter().map(|ticket| ticket.policy.total_timeout).max().unwrap_or_default();
        let attempt = recognises.then(|| Attempt::within(longest()));
        Self { attempt, ..Self::unrecognised(tickets, mode) }
    }

    /// Charges whose first attempt had no token by which the primary could recognise a retry.
    pub(super) fn unrecognised(tickets: &'s [&'s Ticket<'s>], mode: Mode) -> Self {
        let (answers, taken) =
            (tickets.iter().map(|_| None).collect(), SmallVec::from_elem(None, tickets.len()));
        Self { tickets, mode, answers, taken, sent: SmallVec::new(), attempt: None }
    }

    /// Returns the first attempt, if the primary can recognise retries of it.
    pub(super) const fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// Notes the state of backends and fallbacks. Call this before the primary.
    pub(super) fn note(&mut self) {
        for (taken, ticket) in self.taken.iter_mut().zip(self.tickets) {
            *taken = ticket.policy.primary.backend.resets().map(Resets::last);
        }
        self.sent = self.tickets.iter().map(|ticket| admissions(&ticket.policy)).collect();
    }

    /// Stores the remaining quota that the primary reported, for its fallback. Returns the tickets whose
    /// answer came too late.
    pub(super) fn late_tickets(&self, tickets: impl IntoIterator<Item = usize>, verdict: &Verdict) -> Late {
        let (mut quotas, mut late) = (&verdict.quotas[..], Late::new());
        if verdict.is_cached() {
            return late;
        }
        // A denial charges nothing, so it is never too late.
        let is_charged = verdict.quotas.fit();
        for index in tickets {
            let ticket = self.tickets[index];
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            let sent = if is_charged { self.sent[index] } else { u64::MAX };
            let answer = PrimaryAnswer { quotas: own, at: verdict.at, sent };
            if ticket.policy.reconciler.is_some()
                && self.mode == Mode::Consume
                && let Some(units) = record_answer(&ticket.throttle, &ticket.policy, &ticket.charge(), answer)
            {
                late.push(LateTicket { index, units, at: verdict.at });
            }
        }
        late
    }

    /// Stores the decision of a backend.
    pub(super) fn record(
        &mut self,
        tickets: impl IntoIterator<Item = usize>,
        verdict: &Verdict,
        reason: DecisionReason,
    ) {
        let fits = verdict.quotas.fit();
        let reason = if reason == DecisionReason::Backend { verdict.reason() } else { reason };
        let mut quotas = &verdict.quotas[..];
        for index in tickets {
            let ticket = self.tickets[index];
            let (own, others) = quotas.split_at(ticket.rates.len());
            quotas = others;
            if self.mode == Mode::Consume
                && ticket.is_counted(fits)
                && let Some(event) = Event::of_reason(reason)
            {
                ticket.throttle.count(event);
            }
            let charged = fits.then(|| self.charged(index, verdict.at, reason));
            let decision = ticket.enforced(Ok(Decision::by_backend(own.into()).by(reason)));
            self.answers[index] = Some(decision.map(|decision| Decided { decision, charged }));
        }
    }

    fn charged(&self, index: usize, at: u64, reason: DecisionReason) -> Charged {
        let ticket = self.tickets[index];
        let reconciler = ticket.policy.reconciler.as_ref();
        let reconciler = reconciler.filter(|_| {
            matches!(reason, DecisionReason::Fallback | DecisionReason::BreakerOpen)
                && self.mode == Mode::Consume
        });
        let by_standby = reconciler.map(|_| ticket.now());
        Charged { at, by_standby, taken: self.taken[index] }
    }

    fn of(&self, tickets: &[usize]) -> SmallVec<[&'s Ticket<'s>; 1]> {
        tickets.iter().map(|index| self.tickets[*index]).collect()
    }
}

impl Call for Charging<'_> {
    type Answer = Verdict;

    /// Reconciles the usage of these identities first. If another request is reconciling it, the primary
    /// cannot be called.
    async fn is_primary_usable(&self, tickets: &[usize], budget: Budget) -> Result<bool, BackendError> {
        pay(&self.of(tickets), self.mode, budget).await
    }

    async fn primary(
        &mut self,
        tickets: &[usize],
        is_retry: bool,
        budget: Budget,
    ) -> Result<Verdict, BackendError> {
        self.note();
        let attempt = if is_retry { self.attempt.map(Attempt::retried) } else { self.attempt };
        call_primary(&self.of(tickets), self.mode, attempt.as_ref(), budget.left()).await
    }

    async fn fallback(&mut self, standby: &Standby, tickets: &[usize]) -> Result<Verdict, BackendError> {
        for index in tickets {
            self.taken[*index] = standby.fallback.backend.resets().map(Resets::last);
        }
        fallback::decide(standby, &self.of(tickets), self.mode).await
    }

    fn recognises_retries(&self, tickets: &[usize]) -> bool {
        self.attempt.is_some() && tickets.iter().all(|index| self.tickets[*index].policy.recognises())
    }

    fn report(permission: Permission<'_>, verdict: &Verdict) {
        permission.answered(verdict);
    }

    fn late(&self, tickets: &[usize], verdict: &Verdict) -> Late {
        self.late_tickets(tickets.iter().copied(), verdict)
    }

    async fn take_back(&mut self, LateTicket { index, units, at }: LateTicket) {
        refund_units(self.tickets[index], units, at).await;
        self.answers[index] = None;
    }

    fn store(&mut self, tickets: &[usize], verdict: Verdict, reason: DecisionReason) {
        self.record(tickets.iter().copied(), &verdict, reason);
    }

    fn store_reaction(&mut self, index: usize, decision: Result<Decision, BackendError>) {
        self.answers[index] = Some(decision.map(|decision| Decided { decision, charged: None }));
    }

    fn is_over(&self) -> bool {
        let passes = |answer: &Result<Decided, BackendError>| {
            answer.as_ref().is_ok_and(|decided| decided.decision.is_allowed())
        };
        self.answers.iter().flatten().any(|answer| !passes(answer))
    }
}
