//! The decision about a request, and what its response says of it.

use std::borrow::Cow;
use std::iter;

use http::Response;
use http::request::Parts;

use super::layer::Plan;
use crate::admission::{self, Admission, AtOnce, Drawn, KnownKeys, Rejection, Stop};
use crate::counters::Event;
use crate::http::passed;
use crate::plug::Head;
use crate::{ConfigError, Decision, Quota, Registry, Throttle, rule};

/// Who admitted a request.
pub(super) enum Permit {
    /// A rule passed it by.
    Bypassed,
    One(Throttle, Quota),
    Several(Box<Admission<'static>>),
}

impl Permit {
    /// Adds what the decision says about the limits, and lets the request hold its places for as long as the body is
    /// known to take.
    pub(super) fn complete<B: 'static>(self, response: &mut Response<B>) {
        match self {
            Self::Bypassed => {}
            Self::One(throttle, quota) => passed::by_one(response, throttle.policy(), &quota),
            Self::Several(admission) => {
                passed::by_several(response, &admission);
                #[cfg(feature = "axum")]
                crate::axum::until_end(response, admission.held);
            }
        }
    }
}

/// Of the request, of the task, or the global one, as for an attribute.
pub(super) fn in_charge(parts: &Parts) -> Cow<'static, Registry> {
    parts.extensions.get::<Registry>().cloned().map_or_else(Registry::in_charge, Cow::Owned)
}

/// The decision, if it needs neither a function nor time.
pub(super) fn at_once(plan: &Plan, parts: &mut Parts) -> Option<Result<Permit, Rejection>> {
    let registry = in_charge(parts);
    let head = Head { parts, state: &(), common: registry.common(), is_request: true };
    if !rule::read(iter::once(plan.rules), &head)? {
        return Some(pass_by(plan, &registry).map_err(Rejection::Misconfigured));
    }
    let throttle = plan.single()?.throttle(&registry).ok()?;
    Some(match admission::at_once(&throttle, &head)? {
        AtOnce::Excluded => Ok(Permit::Bypassed),
        AtOnce::Decided(quota) if quota.fits() => Ok(Permit::One(throttle, quota)),
        AtOnce::Decided(quota) => {
            let decision = Decision::by_one(quota);
            Err(Rejection::throttled(&throttle, throttle.policy(), decision, None, head.parts))
        }
    })
}

/// The decision, however long it takes.
pub(super) async fn decide(plan: &Plan, parts: &mut Parts) -> Result<Permit, Rejection> {
    let registry = in_charge(parts);
    let mut head = Head { parts, state: &(), common: registry.common(), is_request: true };
    let included = rule::ask(iter::once(plan.rules), &mut head).await;
    if !included.map_err(|refusal| Rejection::Stopped(Stop::Answered(refusal)))? {
        return pass_by(plan, &registry).map_err(Rejection::Misconfigured);
    }
    let mut known = KnownKeys::default();
    let mut drawn = Drawn::new(&mut known);
    for throttle in plan.throttles(&registry).map_err(Rejection::Misconfigured)? {
        drawn.draw(Cow::Owned(throttle), None, &mut head).await?;
    }
    drawn.decide(&mut head).await.map(|admission| Permit::Several(Box::new(admission)))
}

/// A rule of the layer excludes the request from all of its throttles.
fn pass_by(plan: &Plan, registry: &Registry) -> Result<Permit, ConfigError> {
    for throttle in plan.throttles(registry)? {
        throttle.count(Event::Skipped);
    }
    Ok(Permit::Bypassed)
}
