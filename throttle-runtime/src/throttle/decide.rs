//! The ways of a decision that a program asks for.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;

use super::Throttle;
use crate::admission::{self, Terms, Ticket};
use crate::backend::{Charge, Mode};
use crate::counters::Event;
use crate::plug::Head;
use crate::policy::Policy;
use crate::registry::Force;
use crate::strategy::Class;
use crate::{BackendError, Decision, ErrorKind, Hit, Quota, Source};

impl Throttle {
    /// The short way: nothing has to be asked, and the backend need not wait for anybody. Most decisions in
    /// memory are made here, so it does only what they need.
    #[expect(clippy::inline_always, reason = "a call costs a fifth of a decision")]
    #[inline(always)]
    pub(crate) fn at_once(&self, policy: &Policy, hit: &Hit<'_>, mode: Mode) -> Option<Quota> {
        let short = policy.short.as_ref().filter(|_| self.is_in_force() && hit.rates.is_none())?;
        let cost = hit.cost.or(policy.units).filter(|&cost| cost > 0 || mode == Mode::Peek)?;
        let quota = short.decide(hit.payer.split()?, cost, mode)?;
        if mode == Mode::Take {
            self.count(if quota.fits() { Event::Allowed } else { Event::Denied });
        }
        Some(quota)
    }

    /// The decision of the memory backend where nothing has to be asked first. It needs no future, as that backend
    /// waits for nobody and does not fail.
    pub(crate) fn in_memory(&self, hit: &Hit<'_>, mode: Mode) -> Option<Decision> {
        let policy = self.policy();
        let asks_nobody =
            policy.in_memory && self.is_in_force() && hit.rates.is_none() && hit.class.is_none();
        let (rates, domain) = policy.rates.as_ref().filter(|_| asks_nobody).zip(policy.domain)?;
        let cost = hit.cost.or(policy.units).filter(|&cost| cost > 0 || mode == Mode::Peek)?;
        let (key, strategy) = (hit.payer.to_key(), policy.strategy);
        let (scope, load) = (self.scope(), strategy.load());
        let charge = [Charge { scope, key: &key, strategy, rates, cost, class: Class::NONE, load, domain }];
        let verdict = policy.primary.backend.decide(&charge, mode).ready().ok()?.ok()?;
        let decision = Decision::by_backend(&verdict.quotas);
        if mode == Mode::Take {
            self.count(Event::of(Ok(&decision)));
        }
        Some(decision)
    }

    pub(super) async fn decide(&self, hit: Hit<'_>, mode: Mode) -> Result<Decision, BackendError> {
        let decision = self.decision(hit, mode).await;
        if mode == Mode::Take {
            self.count(Event::of(decision.as_ref()));
        }
        decision
    }

    async fn decision(&self, hit: Hit<'_>, mode: Mode) -> Result<Decision, BackendError> {
        let mut parts = None;
        let mut head = self.empty_head(&mut parts);
        let ticket = match Self::ticket(Cow::Borrowed(self), hit, &mut head).await? {
            Ok(ticket) => ticket,
            Err(source) => return Ok(Decision::passed(source)),
        };
        if ticket.rates.is_unlimited() || mode == Mode::Take && !ticket.is_charged() {
            // Nobody could say when the use ends, so it takes no place among those in flight.
            return Ok(Decision::passed(ticket.uncharged()));
        }
        admission::decide_one(&ticket, mode, &mut head).await.map(|decided| decided.decision)
    }

    /// What a use by the program comes to, or why the throttle does not apply.
    pub(crate) async fn ticket<'t>(
        throttle: Cow<'t, Self>,
        hit: Hit<'_>,
        head: &mut Head<'_>,
    ) -> Result<Result<Ticket<'t>, Source>, BackendError> {
        let policy = Arc::clone(throttle.policy());
        match throttle.force(&policy) {
            Force::Off => Ok(Err(Source::Disabled)),
            force => Self::ticket_by((policy, force == Force::Dry), throttle, hit, head).await,
        }
    }

    /// The same by a policy, in a dry run or not, whether or not the throttle is switched on.
    pub(crate) async fn ticket_by<'t>(
        (policy, dry): (Arc<Policy>, bool),
        throttle: Cow<'t, Self>,
        hit: Hit<'_>,
        head: &mut Head<'_>,
    ) -> Result<Result<Ticket<'t>, Source>, BackendError> {
        let rates = match hit.rates.map(|rates| *rates).or(policy.rates) {
            Some(rates) => rates,
            None => policy.rate.ask(head).await.map_err(|_| no_request())?,
        };
        // Who limits what is in flight, too, limits whoever comes at whatever rate and cost.
        if policy.concurrency.is_none() && rates.is_unlimited() {
            return Ok(Err(Source::Unlimited));
        }
        let cost = match hit.cost {
            Some(cost) => cost,
            None => policy.cost.ask(head).await.map_err(|_| no_request())?,
        };
        let class = match (hit.class, policy.class) {
            (Some(class), _) => class,
            (None, Some(class)) => class.ask(head).await.map_err(|_| no_request())?,
            (None, None) => Class::NONE,
        };
        let terms = Terms { key: hit.payer.into_key(), rates, cost, class };
        Ok(Ok(Ticket::new(throttle, policy, dry, terms)))
    }

    pub(crate) fn empty_head<'a>(&'a self, parts: &'a mut Option<Parts>) -> Head<'a> {
        let parts = parts.get_or_insert_with(|| http::Request::new(()).into_parts().0);
        Head { parts, state: &(), common: &self.0.common, is_request: false }
    }
}

/// A function that was asked without a request wanted to end the request.
pub(crate) fn no_request() -> BackendError {
    BackendError::new(ErrorKind::Plugin, "a function that is a setting refused an empty request")
}
