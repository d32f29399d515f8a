//! The fast path and the slow paths of decisions that a program requests from code.

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;

use super::hit_future::HitFuture;
use crate::backend::Mode;
use crate::config::policy::Policy;
use crate::config::resolver::RequestContext;
use crate::decision::{Decision, DecisionReason};
use crate::environment::enforcement::Force;
use crate::error::{BackendError, no_request};
use crate::hit::Hit;
use crate::pipeline::decide;
use crate::pipeline::prepare::Prepared;
use crate::pipeline::single_throttle::SingleThrottle;
use crate::pipeline::ticket::{Terms, Ticket};
use crate::strategy::Class;
use crate::throttle::Throttle;
use crate::throttle::counters::Event;

impl Throttle {
    /// Decides one use, and charges it if it fits.
    ///
    /// Functions for the rate, the cost, the class and `on_error` are called with empty request parts. The
    /// settings for the key, the caller, exemptions, lists, rules and concurrency do not apply: the hit
    /// contains the key.
    ///
    /// ```
    /// use throttle::{Hit, Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("10/hour"))?;
    /// let decision = exports.hit(Hit::new("alice").cost(4)).await?;
    /// assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(6)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the backend, if it fails and `on_error` propagates its error.
    #[inline]
    pub fn hit<'h>(&self, hit: impl Into<Hit<'h>>) -> impl Future<Output = Result<Decision, BackendError>> {
        HitFuture::new(self, hit, Mode::Consume, Self::decide)
    }

    /// Returns the decision that a use would receive now. `remaining` is the quota that would be left after
    /// the use. Charges nothing, and is not counted.
    ///
    /// ```
    /// use throttle::{Hit, Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("10/hour"))?;
    /// assert!(exports.peek(Hit::new("alice").cost(10)).await?.is_allowed());
    /// assert!(exports.peek(Hit::new("alice").cost(11)).await?.is_throttled());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    #[inline]
    #[doc(alias = "check")]
    pub fn peek<'h>(&self, hit: impl Into<Hit<'h>>) -> impl Future<Output = Result<Decision, BackendError>> {
        HitFuture::new(self, hit, Mode::Peek, Self::decide)
    }

    /// Returns the current quota of each limit, in the order in which the limits are written. Charges
    /// nothing, and is not counted.
    ///
    /// For its limit, a [`Quota`](crate::Quota) contains the units that [remain](crate::Quota::remaining),
    /// the time until there are [more](crate::Quota::next_after), and the time until
    /// [all](crate::Quota::reset_after) are available again. If nothing remains, `next_after` is the time to
    /// wait. There are no quotas if the backend is not called: see [`DecisionReason`](crate::DecisionReason).
    ///
    /// ```
    /// use throttle::{Rate, Registry, Settings};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let exports = Registry::current().create("exports", Settings::new().rate("2/min, 100/day"))?;
    /// exports.hit("alice").await?;
    /// exports.hit("alice").await?;
    /// let stat = exports.quotas("alice").await?;
    /// let [minute, day] = stat.quotas() else { panic!("one for each limit") };
    /// assert_eq!((minute.rate(), minute.remaining()), (Rate::per_minute(2), 0));
    /// assert_eq!((day.rate(), day.remaining()), (Rate::per_day(100), 98));
    /// println!("one more in {:?}, all in {:?}", minute.next_after(), minute.reset_after());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If the rate is a function, it is called with empty request parts, unless the hit sets the limits with
    /// [`Hit::rate`]. The cost of the hit is ignored.
    ///
    /// # Errors
    ///
    /// Like [`hit`](Self::hit).
    #[doc(alias = "stat")]
    pub async fn quotas<'h>(&self, hit: impl Into<Hit<'h>>) -> Result<Decision, BackendError> {
        self.peek(hit.into().cost(0)).await
    }
}

impl Throttle {
    /// Returns the cost of a use, if the policy charges all uses alike and is fully in force.
    fn cost_alike(&self, policy: &Policy, hit: &Hit<'_>, mode: Mode) -> Option<u64> {
        let asks = hit.rates.is_some() || hit.class.is_some();
        let alike = policy.charges_alike && self.is_enforced() && !asks;
        hit.cost.or(policy.constant_cost).filter(|&cost| alike && (cost > 0 || mode == Mode::Peek))
    }

    /// Returns the decision if it needs no future: it is made in memory, or known from an earlier answer.
    pub(crate) fn without_waiting(&self, hit: &Hit<'_>, mode: Mode) -> Option<Decision> {
        if let Some(quota) = hit.fast().and_then(|hit| self.attempt_updated(hit, mode)) {
            return Some(Decision::by_one(quota));
        }
        let policy = self.policy();
        if let Some(quota) = hit.fast().and_then(|hit| self.at_once(&policy, hit, mode)) {
            return Some(Decision::by_one(quota));
        }
        let cost = self.cost_alike(&policy, hit, mode)?;
        let decision = SingleThrottle::new(self, &policy, &hit.key.to_key(), cost, mode)?.at_once()?;
        if mode == Mode::Consume {
            self.count(Event::of(Ok(&decision)));
        }
        Some(decision)
    }

    #[expect(clippy::manual_async_fn, reason = "an `async fn` would have room for the hit twice")]
    pub(crate) fn decide(
        &self,
        hit: Hit<'_>,
        mode: Mode,
    ) -> impl Future<Output = Result<Decision, BackendError>> {
        async move {
            let decision = match self.plain(&hit, mode).await {
                Some(decision) => decision,
                // Boxed, because otherwise this future would be part of the future of every decision.
                None => Box::pin(self.decision(hit, mode)).await,
            };
            if mode == Mode::Consume {
                self.count(Event::of(decision.as_ref()));
            }
            decision
        }
    }

    /// Returns the decision, if calling the backend is all that has to be done.
    async fn plain(&self, hit: &Hit<'_>, mode: Mode) -> Option<Result<Decision, BackendError>> {
        let policy = self.policy();
        let cost = self.cost_alike(&policy, hit, mode)?;
        SingleThrottle::new(self, &policy, &hit.key.to_key(), cost, mode)?.decide().await
    }

    async fn decision(&self, hit: Hit<'_>, mode: Mode) -> Result<Decision, BackendError> {
        let mut parts = None;
        let mut context = self.empty_context(&mut parts);
        let ticket = match Self::ticket(Cow::Borrowed(self), hit, &mut context).await? {
            Prepared::Ready(ticket) => ticket,
            Prepared::Passed(reason) => return Ok(Decision::passed(reason)),
        };
        if ticket.rates.is_unlimited() || mode == Mode::Consume && !ticket.is_charged() {
            // The end of the use is not known, so it acquires no concurrency permit.
            return Ok(Decision::passed(ticket.uncharged()));
        }
        decide::decide_one(&ticket, mode, &mut context).await.map(|decided| decided.decision)
    }

    /// Returns the ticket of a use by the program.
    pub(crate) async fn ticket<'t>(
        throttle: Cow<'t, Self>,
        hit: Hit<'_>,
        context: &mut RequestContext<'_>,
    ) -> Result<Prepared<Ticket<'t>>, BackendError> {
        let policy = throttle.policy().into_owned();
        match throttle.force(&policy) {
            Force::Off => Ok(Prepared::Passed(DecisionReason::Disabled)),
            force => Self::ticket_by(policy, force == Force::Dry, throttle, hit, context).await,
        }
    }

    /// Returns the ticket with this policy, in dry-run mode or not, even if the throttle is switched off.
    pub(crate) async fn ticket_by<'t>(
        policy: Arc<Policy>,
        dry: bool,
        throttle: Cow<'t, Self>,
        hit: Hit<'_>,
        context: &mut RequestContext<'_>,
    ) -> Result<Prepared<Ticket<'t>>, BackendError> {
        let rates = match hit.rates.map(|rates| *rates).or(policy.rates) {
            Some(rates) => rates,
            None => policy.rate.resolve(context).await.map_err(|_| no_request())?,
        };
        // A throttle with a concurrency limit limits all uses, at any rate and cost.
        if policy.concurrency.is_none() && rates.is_unlimited() {
            return Ok(Prepared::Passed(DecisionReason::Unlimited));
        }
        let cost = match hit.cost {
            Some(cost) => cost,
            None => policy.cost.resolve(context).await.map_err(|_| no_request())?,
        };
        let class = match (hit.class, &policy.class) {
            (Some(class), _) => class,
            (None, Some(class)) => class.resolve(context).await.map_err(|_| no_request())?,
            (None, None) => Class::NONE,
        };
        let terms = Terms { key: hit.key.into_key(), rates, cost, class };
        Ok(Prepared::Ready(Ticket::new(throttle, policy, dry, terms)))
    }

    pub(crate) fn empty_context<'a>(&'a self, parts: &'a mut Option<Parts>) -> RequestContext<'a> {
        let parts = parts.get_or_insert_with(|| http::Request::new(()).into_parts().0);
        RequestContext { parts, state: &(), lookup: &self.0.environment.lookup, is_request: false }
    }
}
