//! One throttle's part in the decision about a request.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::key_cache::KnownKeys;
use crate::backend::Charge;
use crate::config::network::Access;
use crate::config::policy::Policy;
use crate::config::resolver::{Ask, Head, Refusal, role};
use crate::config::{caller, rule};
use crate::environment::enforcement::Force;
use crate::resilience::Share;
use crate::strategy::Class;
use crate::throttle::counters::Event;
use crate::util::fingerprint::Domain;
use crate::{BackendError, Decision, DecisionReason, Identity, Key, Rate, Rates, Throttle, Throttled};

/// The reason why a request has no decision.
pub(crate) enum Stop {
    /// The backend failed, and `on_error` returns its error.
    Failed(BackendError),
    /// A plug-in function answered the request itself.
    Answered(Refusal),
    /// The client is on a `deny` list.
    Forbidden(Throttled),
}

/// The preparation of a throttle for a decision.
pub(crate) enum Prepared<T> {
    /// The throttle applies, and decides with this value.
    Ready(T),
    /// The throttle lets the request pass without a decision of a backend, for this reason.
    Passed(DecisionReason),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Answered(refusal)
    }
}

/// The resolved key, limits, cost and class of a request, for one throttle.
pub(crate) struct Terms {
    pub(crate) key: Key,
    pub(crate) rates: Rates,
    pub(crate) cost: u64,
    pub(crate) class: Class,
}

/// The settings that belong to one use of a throttle.
#[derive(Default)]
pub(crate) struct Given {
    /// The key, if it is made of the function's arguments.
    pub(crate) key: Option<Key>,
    pub(crate) cost: Option<&'static dyn Ask<role::cost>>,
}

/// A throttle's prepared part of a decision: the identity, the limits and the cost. The whole decision uses
/// this one version of the policy.
pub(crate) struct Ticket<'a> {
    pub(crate) throttle: Cow<'a, Throttle>,
    pub(crate) policy: Arc<Policy>,
    /// Whether the decision is not enforced (dry-run mode).
    pub(crate) dry: bool,
    pub(crate) key: Key,
    pub(crate) rates: Rates,
    /// The units that this decision charges.
    pub(crate) cost: u64,
    /// The units that an earlier decision about the request charged, if there is one. The concurrency permit
    /// of `max_concurrent` is held since then.
    pub(crate) charged_before: Option<u64>,
    /// Whether the decision settles an earlier one, which was counted.
    pub(crate) settles: bool,
    pub(crate) class: Class,
    /// The backend's error, if the backend failed.
    pub(crate) error: OnceLock<BackendError>,
}

impl<'a> Ticket<'a> {
    pub(crate) fn new(
        throttle: Cow<'a, Throttle>,
        policy: Arc<Policy>,
        dry: bool,
        Terms { key, rates, cost, class }: Terms,
    ) -> Self {
        let (charged_before, settles, error) = (None, false, OnceLock::new());
        Self { throttle, policy, dry, key, rates, cost, charged_before, settles, class, error }
    }

    /// Whether a decision that fits, or does not fit, is counted as an outcome. Its source is then counted, too.
    pub(super) const fn is_counted(&self, fits: bool) -> bool {
        !(self.settles || fits && self.charged_before.is_some())
    }

    /// Resolves everything that a decision by this policy depends on, cheapest first. Returns the reason if
    /// the throttle does not apply.
    pub(crate) async fn draw(
        throttle: Cow<'a, Throttle>,
        policy: Arc<Policy>,
        given: Given,
        known: &mut KnownKeys,
        head: &mut Head<'_>,
    ) -> Result<Prepared<Self>, Stop> {
        let (dry, terms) = match throttle.force(&policy) {
            Force::Off => (false, Ok(Prepared::Passed(DecisionReason::Disabled))),
            force => (force == Force::Dry, Self::terms(&throttle, &policy, given, known, head).await),
        };
        let terms = match terms {
            // A throttle in dry-run mode ends no request, even if one of its functions would.
            Err(Stop::Forbidden(_)) if dry => {
                throttle.count(Event::WouldDeny);
                return Ok(Prepared::Passed(DecisionReason::DryRun));
            }
            Err(_) if dry => Prepared::Passed(DecisionReason::DryRun),
            Err(Stop::Forbidden(throttled)) => {
                throttle.count(Event::Forbidden);
                return Err(Stop::Forbidden(throttled));
            }
            terms => terms?,
        };
        match terms {
            Prepared::Ready(terms) => Ok(Prepared::Ready(Self::new(throttle, policy, dry, terms))),
            Prepared::Passed(reason) => {
                throttle.count(Event::Skipped);
                Ok(Prepared::Passed(reason))
            }
        }
    }

    async fn terms(
        throttle: &Throttle,
        policy: &Arc<Policy>,
        given: Given,
        known: &mut KnownKeys,
        head: &mut Head<'_>,
    ) -> Result<Prepared<Terms>, Stop> {
        if head.is_request {
            if !rule::ask(throttle.rules(policy), head).await? {
                return Ok(Prepared::Passed(DecisionReason::Bypassed));
            }
            match policy.lists.as_ref().map(|lists| lists.access(head)) {
                Some(Access::Denied) => {
                    return Err(Stop::Forbidden(Throttled::forbidden(throttle, policy, head.parts)));
                }
                Some(Access::Free) => return Ok(Prepared::Passed(DecisionReason::Exempt)),
                Some(Access::Limited) | None => {}
            }
        }
        // A throttle with a concurrency limit limits all requests, at any rate and cost.
        let by_rate_only = policy.concurrency.is_none();
        if by_rate_only && policy.rates.is_some_and(|rates| rates.is_unlimited()) {
            return Ok(Prepared::Passed(DecisionReason::Unlimited));
        }
        if let Some(exempt) = &policy.exempt
            && exempt.ask(head).await?
        {
            return Ok(Prepared::Passed(DecisionReason::Exempt));
        }
        let caller = match &policy.caller {
            Some(function) => Some(caller::resolve(&**function, head).await?),
            None => None,
        };
        let caller = caller.as_ref();
        if caller.is_some_and(|caller| matches!(caller.identity, Identity::Exempt)) {
            return Ok(Prepared::Passed(DecisionReason::Exempt));
        }
        let rates = match caller.and_then(|caller| caller.rates).or(policy.rates) {
            Some(rates) => rates,
            None => policy.rate.ask(head).await?,
        };
        if by_rate_only && rates.is_unlimited() {
            return Ok(Prepared::Passed(DecisionReason::Unlimited));
        }
        let cost = given.cost.unwrap_or(&*policy.cost).ask(head).await?;
        if by_rate_only && cost == 0 {
            return Ok(Prepared::Passed(DecisionReason::Free));
        }
        let class = match (caller.and_then(|caller| caller.class), &policy.class) {
            (Some(class), _) => class,
            (None, Some(class)) => class.ask(head).await?,
            (None, None) => Class::NONE,
        };
        let identity = match (given.key, caller) {
            (Some(key), _) => Identity::Key(key),
            (None, Some(caller)) => caller.identity.clone(),
            (None, None) => known.ask(throttle, policy, head).await?,
        };
        Ok(match identity {
            Identity::Exempt => Prepared::Passed(DecisionReason::Exempt),
            Identity::Key(key) => Prepared::Ready(Terms { key, rates, cost, class }),
        })
    }

    /// Whether the ticket charges a rate. If not, its throttle limits concurrency only.
    pub(crate) fn is_charged(&self) -> bool {
        self.cost > 0 && !self.rates.is_unlimited()
    }

    /// The reason why the ticket charges no rate.
    pub(crate) fn uncharged(&self) -> DecisionReason {
        if self.rates.is_unlimited() { DecisionReason::Unlimited } else { DecisionReason::Free }
    }

    /// The time of this process, in microseconds. The usage of the fallback is recorded by this clock.
    pub(crate) fn now(&self) -> u64 {
        self.throttle.environment().lookup.clock.now()
    }

    /// Replaces a decision in dry-run mode by one that lets the request pass.
    pub(crate) fn enforced(
        &self,
        decision: Result<Decision, BackendError>,
    ) -> Result<Decision, BackendError> {
        if self.dry {
            Ok(decision.map_or_else(|_| Decision::passed(DecisionReason::AllowedOnError), Decision::dry))
        } else {
            decision
        }
    }

    pub(crate) fn charge(&self) -> Charge<'_> {
        self.charge_to(&self.rates)
    }

    /// The limits of the fallback: its share of the ticket's limits.
    pub(crate) fn share(&self) -> SmallVec<[Rate; 2]> {
        let standby = self.policy.recovery.as_ref().and_then(|recovery| recovery.standby.as_ref());
        standby.map_or(Share::WHOLE, |standby| standby.share).of(&self.rates)
    }

    /// The charge against other limits that have the same periods.
    pub(crate) fn charge_to<'c>(&'c self, rates: &'c [Rate]) -> Charge<'c> {
        let (scope, strategy) = (self.throttle.scope(), &*self.policy.strategy);
        let settled = self.policy.domain.filter(|_| self.policy.rates == Some(self.rates));
        let domain = settled.unwrap_or_else(|| Domain::new(scope, strategy.name(), rates));
        Charge {
            scope,
            key: &self.key,
            strategy,
            rates,
            cost: self.cost,
            class: self.class,
            load: self.policy.strategy.load(),
            domain,
            taken: None,
            attempt: None,
        }
    }
}
