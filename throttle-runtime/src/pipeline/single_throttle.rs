//! Decisions of one throttle that charges all requests alike, so that nothing has to be resolved before its
//! backend is called.
//!
//! This is the most frequent case: the backend answers, or memory is its fallback while the breaker is open. It
//! has a path of its own because it makes no ticket, and no future if the answer is ready. As soon as anything
//! fails, or if more has to be done, the [failover engine](super::failover) continues.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use super::backend_call::{Budget, checked};
use super::decide::{self, FailedAttempt};
use super::failover::LateTicket;
use super::healthy::pass;
use super::reconcile::{admissions, record_answer};
use super::ticket::Terms;
use super::ticket::Ticket;
use crate::backend::deadline::later_within;
use crate::backend::{Charge, Mode, Verdict};
use crate::config::policy::Policy;
use crate::decision::{Decision, DecisionReason};
use crate::error::BackendError;
use crate::key::Key;
use crate::rate::Rates;
use crate::resilience::{Permission, PrimaryAnswer};
use crate::strategy::Class;
use crate::throttle::Throttle;
use crate::throttle::counters::Event;
use crate::util::fingerprint::Domain;

/// A use of a throttle whose policy charges all requests alike.
#[derive(Clone, Copy)]
pub(crate) struct SingleThrottle<'a> {
    throttle: &'a Throttle,
    policy: &'a Arc<Policy>,
    rates: &'a Rates,
    domain: Domain,
    key: &'a Key,
    cost: u64,
    mode: Mode,
}

impl<'a> SingleThrottle<'a> {
    pub(crate) fn new(
        throttle: &'a Throttle,
        policy: &'a Arc<Policy>,
        key: &'a Key,
        cost: u64,
        mode: Mode,
    ) -> Option<Self> {
        let (rates, domain) = policy.rates.as_ref().zip(policy.domain)?;
        Some(Self { throttle, policy, rates, domain, key, cost, mode })
    }

    fn charge(&self) -> Charge<'a> {
        let (scope, strategy) = (self.throttle.scope(), &*self.policy.strategy);
        Charge {
            scope,
            key: self.key,
            strategy,
            rates: self.rates,
            cost: self.cost,
            class: Class::NONE,
            load: strategy.load(),
            domain: self.domain,
            taken: None,
            attempt: None,
        }
    }

    /// Returns the decision, if it can be made immediately.
    pub(crate) fn at_once(&self) -> Option<Decision> {
        let Ok(permit) = pass(self.throttle, self.policy) else { return self.stand_in() };
        let primary = Some(&self.policy.primary).filter(|primary| primary.is_ready())?;
        let charge = self.charge();
        let verdict = primary.backend.decide_at_once(slice::from_ref(&charge), self.mode)?;
        // If the backend answered for other limits, it is called again on the slow path, which reports the
        // failure.
        let verdict = checked(slice::from_ref(&charge), verdict).ok()?;
        // No other admission can happen between this call and its answer.
        self.decided(permit, &charge, verdict, u64::MAX).ok()
    }

    /// Returns the decision of the fallback while the breaker is open, if the fallback has started already.
    fn stand_in(&self) -> Option<Decision> {
        let recovery = self.policy.recovery.as_ref()?;
        let (breaker, standby) = recovery.breaker.as_ref().zip(recovery.standby.as_ref())?;
        let refuses = standby.fallback.is_ready() && breaker.refuses();
        let reconciler = self.policy.reconciler.as_ref().filter(|_| refuses)?;
        let charge = self.charge();
        if reconciler.has_news(&charge) {
            return None;
        }
        let shared = standby.share.of(self.rates);
        let asked = Charge { rates: &shared, ..charge.clone() };
        let verdict = standby.fallback.backend.decide_at_once(slice::from_ref(&asked), self.mode)?;
        let verdict = checked(slice::from_ref(&asked), verdict).ok()?;
        if self.mode == Mode::Consume {
            if verdict.quotas.fit()
                && !reconciler.admitted(&charge, self.throttle.environment().lookup.clock.now())
            {
                // The backend has answered other requests meanwhile: the fallback starts again from that
                // answer.
                let _ = standby.fallback.backend.refund(slice::from_ref(&asked), verdict.at).ready();
                return None;
            }
            self.count(DecisionReason::BreakerOpen);
        }
        Some(Decision::by_backend(verdict.quotas).by(DecisionReason::BreakerOpen))
    }

    /// Returns the decision of the backend, if calling the backend is all that has to be done. Attempts that
    /// the backend has to recognise are left to the engine.
    pub(crate) async fn decide(&self) -> Option<Result<Decision, BackendError>> {
        if self.policy.recognises() {
            return None;
        }
        let permit = pass(self.throttle, self.policy).ok().filter(|_| self.policy.primary.is_ready())?;
        let (charge, sent) = (self.charge(), admissions(self.policy));
        let reply = self.policy.primary.backend.decide(slice::from_ref(&charge), self.mode);
        let (answer, budget) = match reply.ready() {
            Ok(answer) => (answer, None),
            Err(later) => {
                let budget = self.budget();
                let limit = self.policy.timeout.min(budget.left());
                (later_within(limit, later).await, Some(budget))
            }
        };
        Some(match answer.and_then(|verdict| checked(slice::from_ref(&charge), verdict)) {
            Ok(verdict) => match self.decided(permit, &charge, verdict, sent) {
                Ok(decision) => Ok(decision),
                Err(late) => Box::pin(self.leave_to_fallback(late)).await,
            },
            Err(error) => {
                let budget = budget.unwrap_or_else(|| self.budget());
                Box::pin(self.recover(permit, error, budget)).await
            }
        })
    }

    fn budget(&self) -> Budget {
        Budget::of([&**self.policy])
    }

    /// Returns the decision that the backend made, unless the answer came too late.
    fn decided(
        &self,
        permit: Option<Permission<'_>>,
        charge: &Charge<'_>,
        verdict: Verdict,
        sent: u64,
    ) -> Result<Decision, LateTicket> {
        if let Some(permit) = permit {
            permit.answered(&verdict);
        }
        let reason = verdict.reason();
        if self.mode == Mode::Consume {
            // A denial charges nothing, so it is never too late.
            let sent = if verdict.quotas.fit() { sent } else { u64::MAX };
            let answer = PrimaryAnswer { quotas: &verdict.quotas, at: verdict.at, sent };
            if !verdict.is_cached()
                && let Some(units) = record_answer(self.throttle, self.policy, charge, answer)
            {
                return Err(LateTicket { index: 0, units, at: verdict.at });
            }
            self.count(reason);
        }
        Ok(Decision::by_backend(verdict.quotas).by(reason))
    }

    fn count(&self, reason: DecisionReason) {
        if let Some(event) = Event::of_reason(reason) {
            self.throttle.count(event);
        }
    }

    /// Continues with retries, the fallback and `on_error` after the backend failed.
    async fn recover(
        &self,
        permission: Option<Permission<'a>>,
        error: BackendError,
        budget: Budget,
    ) -> Result<Decision, BackendError> {
        let ticket = self.ticket();
        let mut parts = None;
        let mut context = self.throttle.empty_context(&mut parts);
        let failed = FailedAttempt { permission, error, budget };
        let decided = decide::recover_one(&ticket, self.mode, failed, &mut context).await;
        decided.map(|decided| decided.decision)
    }

    /// Lets the fallback decide, because the backend admitted the request after the fallback had admitted the
    /// remaining quota.
    async fn leave_to_fallback(&self, late: LateTicket) -> Result<Decision, BackendError> {
        let ticket = self.ticket();
        let mut parts = None;
        let mut context = self.throttle.empty_context(&mut parts);
        decide::leave_one_to_fallback(&ticket, late, &mut context).await.map(|decided| decided.decision)
    }

    fn ticket(&self) -> Ticket<'a> {
        let (key, rates) = (self.key.clone(), *self.rates);
        let terms = Terms { key, rates, cost: self.cost, class: Class::NONE };
        Ticket::new(Cow::Borrowed(self.throttle), Arc::clone(self.policy), false, terms)
    }
}
