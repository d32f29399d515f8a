//! Prepares the ticket of a throttle: resolves its settings for one request, cheapest first.

use std::borrow::Cow;
use std::sync::Arc;

use super::key_cache::KeyCache;
use super::ticket::{Terms, Ticket};
use crate::config::network::Access;
use crate::config::policy::Policy;
use crate::config::resolver::{EarlyResponse, RequestContext, Resolver, role};
use crate::config::{caller, rule};
use crate::decision::DecisionReason;
use crate::environment::enforcement::Force;
use crate::error::BackendError;
use crate::key::{Identity, Key};
use crate::pipeline::throttled::Throttled;
use crate::strategy::Class;
use crate::throttle::Throttle;
use crate::throttle::counters::Event;

/// The reason why a request has no decision.
pub(crate) enum Stop {
    /// The backend failed, and `on_error` returns its error.
    Failed(BackendError),
    /// A plug-in function answered the request itself.
    Answered(EarlyResponse),
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

impl From<EarlyResponse> for Stop {
    fn from(response: EarlyResponse) -> Self {
        Self::Answered(response)
    }
}

/// The settings that belong to one use of a throttle.
#[derive(Default)]
pub(crate) struct Given {
    /// The key, if it is made of the function's arguments.
    pub(crate) key: Option<Key>,
    pub(crate) cost: Option<&'static dyn Resolver<role::cost>>,
}

impl<'a> Ticket<'a> {
    /// Resolves everything that a decision by this policy depends on, cheapest first. Returns the reason if
    /// the throttle does not apply.
    pub(crate) async fn prepare(
        throttle: Cow<'a, Throttle>,
        policy: Arc<Policy>,
        given: Given,
        known: &mut KeyCache,
        context: &mut RequestContext<'_>,
    ) -> Result<Prepared<Self>, Stop> {
        let (dry, terms) = match throttle.force(&policy) {
            Force::Off => (false, Ok(Prepared::Passed(DecisionReason::Disabled))),
            force => (force == Force::Dry, terms(&throttle, &policy, given, known, context).await),
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
}

/// Resolves the key, the limits, the cost and the class.
async fn terms(
    throttle: &Throttle,
    policy: &Arc<Policy>,
    given: Given,
    known: &mut KeyCache,
    context: &mut RequestContext<'_>,
) -> Result<Prepared<Terms>, Stop> {
    if let Some(reason) = passes(throttle, policy, context).await? {
        return Ok(Prepared::Passed(reason));
    }
    let caller = match &policy.caller {
        Some(function) => Some(caller::resolve(&**function, context).await?),
        None => None,
    };
    let caller = caller.as_ref();
    if caller.is_some_and(|caller| matches!(caller.identity, Identity::Exempt)) {
        return Ok(Prepared::Passed(DecisionReason::Exempt));
    }
    let rates = match caller.and_then(|caller| caller.rates).or(policy.rates) {
        Some(rates) => rates,
        None => policy.rate.resolve(context).await?,
    };
    if limits_rate_only(policy) && rates.is_unlimited() {
        return Ok(Prepared::Passed(DecisionReason::Unlimited));
    }
    let cost = given.cost.unwrap_or(&*policy.cost).resolve(context).await?;
    if limits_rate_only(policy) && cost == 0 {
        return Ok(Prepared::Passed(DecisionReason::Free));
    }
    let class = match (caller.and_then(|caller| caller.class), &policy.class) {
        (Some(class), _) => class,
        (None, Some(class)) => class.resolve(context).await?,
        (None, None) => Class::NONE,
    };
    let identity = match (given.key, caller) {
        (Some(key), _) => Identity::Key(key),
        (None, Some(caller)) => caller.identity.clone(),
        (None, None) => known.identity(throttle, policy, context).await?,
    };
    Ok(match identity {
        Identity::Exempt => Prepared::Passed(DecisionReason::Exempt),
        Identity::Key(key) => Prepared::Ready(Terms { key, rates, cost, class }),
    })
}

/// Returns the reason if the throttle lets the request pass, whatever its key and its cost are.
async fn passes(
    throttle: &Throttle,
    policy: &Arc<Policy>,
    context: &mut RequestContext<'_>,
) -> Result<Option<DecisionReason>, Stop> {
    if context.is_request {
        if !rule::resolve(throttle.rules(policy), context).await? {
            return Ok(Some(DecisionReason::Bypassed));
        }
        match policy.lists.as_ref().map(|lists| lists.access(context)) {
            Some(Access::Denied) => {
                return Err(Stop::Forbidden(Throttled::forbidden(throttle, policy, context.parts)));
            }
            Some(Access::Free) => return Ok(Some(DecisionReason::Exempt)),
            Some(Access::Limited) | None => {}
        }
    }
    if limits_rate_only(policy) && policy.rates.is_some_and(|rates| rates.is_unlimited()) {
        return Ok(Some(DecisionReason::Unlimited));
    }
    let is_exempt = match &policy.exempt {
        Some(exempt) => exempt.resolve(context).await?,
        None => false,
    };
    Ok(is_exempt.then_some(DecisionReason::Exempt))
}

/// A throttle with a concurrency limit limits all requests, at any rate and cost.
const fn limits_rate_only(policy: &Policy) -> bool {
    policy.concurrency.is_none()
}
