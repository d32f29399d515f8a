//! The failover engine: the circuit breaker, the primary with its retries, the fallback, and then `on_error`.
//!
//! All decisions use this engine. They differ in what they [call](Call) on a backend: a charge of several
//! limits, or a concurrency permit.

use smallvec::SmallVec;

use super::backend_call::Budget;
use super::breaker_gate::{TicketGroup, TicketGroups};
use super::on_error::{react, warn};
use super::ticket::Ticket;
use crate::config::resolver::RequestContext;
use crate::decision::{Decision, DecisionReason};
use crate::error::{BackendError, ErrorKind};
use crate::resilience::{Permission, Standby};
use crate::throttle::counters::Event;

/// The calls that a decision makes to the primary and to the fallback. Tickets are identified by their index.
pub(super) trait Call {
    /// The answer of a backend.
    type Answer;

    /// Whether the primary can be called for these tickets. If not, the fallback decides.
    async fn is_primary_usable(&self, tickets: &[usize], budget: Budget) -> Result<bool, BackendError>;

    /// Calls the primary.
    async fn primary(
        &mut self,
        tickets: &[usize],
        is_retry: bool,
        budget: Budget,
    ) -> Result<Self::Answer, BackendError>;

    /// Calls the fallback.
    async fn fallback(&mut self, standby: &Standby, tickets: &[usize]) -> Result<Self::Answer, BackendError>;

    /// Whether the primary recognises a retry whose first attempt it has already charged.
    fn recognises_retries(&self, tickets: &[usize]) -> bool;

    /// Reports an answer of the primary to the circuit breaker.
    fn report(permission: Permission<'_>, answer: &Self::Answer);

    /// Returns the tickets that the primary admitted too late.
    fn late(&self, tickets: &[usize], answer: &Self::Answer) -> Late;

    /// Refunds the charge of a ticket that the primary admitted too late.
    async fn take_back(&mut self, late: LateTicket);

    /// Stores the decision that a backend made.
    fn store(&mut self, tickets: &[usize], answer: Self::Answer, reason: DecisionReason);

    /// Stores the decision that `on_error` made.
    fn store_reaction(&mut self, ticket: usize, decision: Result<Decision, BackendError>);

    /// Whether a ticket was denied or failed, so that the remaining tickets need no decision.
    fn is_over(&self) -> bool;
}

/// A ticket, by index, that the primary admitted after its fallback had admitted the remaining quota.
#[derive(Clone, Copy)]
pub(super) struct LateTicket {
    pub(super) index: usize,
    /// The number of units that are refunded.
    pub(super) units: u64,
    /// The time of the charge by the clock of the primary.
    pub(super) at: u64,
}

pub(super) type Late = SmallVec<[LateTicket; 1]>;

/// The reason why the fallback is called instead of the primary.
enum NoAnswer {
    /// The primary failed.
    Failed(BackendError),
    /// The primary was not called.
    NotCalled(DecisionReason),
}

impl NoAnswer {
    fn into_error(self) -> BackendError {
        match self {
            Self::Failed(error) => error,
            Self::NotCalled(_) => {
                BackendError::new(ErrorKind::BreakerOpen, "the circuit breaker is open").safe_to_retry()
            }
        }
    }

    fn is_covered_by(&self, standby: &Standby) -> bool {
        match self {
            Self::Failed(error) => standby.on.has(error.kind()),
            Self::NotCalled(_) => true,
        }
    }
}

/// One decision about tickets that share a primary.
pub(super) struct Failover<'s, C> {
    tickets: &'s [&'s Ticket<'s>],
    budget: Budget,
    pub(super) call: C,
}

impl<'s, C: Call> Failover<'s, C> {
    pub(super) const fn new(tickets: &'s [&'s Ticket<'s>], budget: Budget, call: C) -> Self {
        Self { tickets, budget, call }
    }

    /// Decides all tickets.
    pub(super) async fn run(&mut self, context: &mut RequestContext<'_>) {
        let (groups, mut by_fallback) = TicketGroup::enter_breakers(self.tickets);
        let mut by_primary = TicketGroups::new();
        for group in groups {
            if self.call.is_over() {
                return;
            }
            match self.call.is_primary_usable(&group.tickets, self.budget).await {
                Ok(true) => by_primary.push(group),
                Ok(false) => {
                    by_fallback.push((TicketGroup { permit: None, ..group }, DecisionReason::Fallback));
                }
                Err(error) => self.recover(group, error, context).await,
            }
        }
        if !by_primary.is_empty() {
            let all: SmallVec<[usize; 1]> =
                by_primary.iter().flat_map(|group| group.tickets.iter().copied()).collect();
            match self.call.primary(&all, false, self.budget).await {
                Ok(answer) => {
                    let permits = by_primary.into_iter().filter_map(|group| group.permit);
                    permits.for_each(|permit| C::report(permit, &answer));
                    self.answered(&all, answer, context).await;
                }
                Err(error) => self.recover_all(by_primary, error, context).await,
            }
        }
        for (group, reason) in by_fallback {
            if self.call.is_over() {
                return;
            }
            self.fall_back(&group, NoAnswer::NotCalled(reason), 0, context).await;
        }
    }

    /// Continues after the first attempt at the primary failed for all of these tickets.
    pub(super) async fn recover_all(
        &mut self,
        groups: TicketGroups<'s>,
        error: BackendError,
        context: &mut RequestContext<'_>,
    ) {
        for group in groups {
            if self.call.is_over() {
                return;
            }
            self.recover(group, error.clone(), context).await;
        }
    }

    /// Continues after the first attempt at the primary failed: retries as long as a retry cannot charge a
    /// client twice, and then calls the fallback.
    pub(super) async fn recover(
        &mut self,
        mut group: TicketGroup<'s>,
        mut error: BackendError,
        context: &mut RequestContext<'_>,
    ) {
        let mut attempts = 1;
        let is_recognised = self.call.recognises_retries(&group.tickets);
        while group.tries_again(attempts, &error, is_recognised, self.budget).await {
            attempts += 1;
            for index in &group.tickets {
                self.tickets[*index].throttle.count(Event::Retried);
            }
            match self.retry(&group.tickets).await {
                Ok(Some(answer)) => {
                    group.permit.take().into_iter().for_each(|permit| C::report(permit, &answer));
                    return self.answered(&group.tickets, answer, context).await;
                }
                Ok(None) => {
                    let why = NoAnswer::NotCalled(DecisionReason::Fallback);
                    return self.fall_back(&group, why, attempts, context).await;
                }
                Err(again) => error = again,
            }
        }
        group.permit.take().into_iter().for_each(|permit| permit.failed_by(&error));
        self.fall_back(&group, NoAnswer::Failed(error), attempts, context).await;
    }

    /// Calls the primary again. Returns `None` if the fallback has to decide.
    async fn retry(&mut self, tickets: &[usize]) -> Result<Option<C::Answer>, BackendError> {
        if !self.call.is_primary_usable(tickets, self.budget).await? {
            return Ok(None);
        }
        self.call.primary(tickets, true, self.budget).await.map(Some)
    }

    /// Stores an answer of the primary. Leaves tickets that it admitted too late to the fallback.
    async fn answered(&mut self, tickets: &[usize], answer: C::Answer, context: &mut RequestContext<'_>) {
        let late = self.call.late(tickets, &answer);
        self.call.store(tickets, answer, DecisionReason::Backend);
        self.leave_to_fallback(late, context).await;
    }

    /// Lets the fallback decide about tickets that the primary admitted too late.
    pub(super) async fn leave_to_fallback(&mut self, late: Late, context: &mut RequestContext<'_>) {
        for late in late {
            self.call.take_back(late).await;
            let group = TicketGroup::of(late.index, self.tickets[late.index]);
            self.fall_back(&group, NoAnswer::NotCalled(DecisionReason::Fallback), 0, context).await;
        }
    }

    /// Calls the fallback, if there is one for this reason, and otherwise `on_error`. `attempts` is the number
    /// of attempts at the primary.
    async fn fall_back(
        &mut self,
        group: &TicketGroup<'s>,
        why: NoAnswer,
        attempts: u32,
        context: &mut RequestContext<'_>,
    ) {
        let standby = group.recovery.and_then(|recovery| recovery.standby.as_ref());
        let Some(standby) = standby.filter(|standby| why.is_covered_by(standby)) else {
            return self.give_up(&group.tickets, &why.into_error(), attempts, context).await;
        };
        match self.call.fallback(standby, &group.tickets).await {
            Ok(answer) => {
                let reason = match why {
                    NoAnswer::NotCalled(reason) => reason,
                    NoAnswer::Failed(error) => {
                        group.tickets.iter().for_each(|index| warn(self.tickets[*index], &error, "fallback"));
                        DecisionReason::Fallback
                    }
                };
                self.call.store(&group.tickets, answer, reason);
            }
            Err(theirs) => {
                self.give_up(&group.tickets, &theirs.after(why.into_error()), attempts, context).await;
            }
        }
    }

    /// Applies `on_error`, because no backend made a decision.
    async fn give_up(
        &mut self,
        tickets: &[usize],
        error: &BackendError,
        attempts: u32,
        context: &mut RequestContext<'_>,
    ) {
        for &index in tickets {
            let decision = react(self.tickets[index], error.clone(), attempts, context).await;
            self.call.store_reaction(index, decision);
        }
    }
}
