//! The decision about a request, and the headers of its response.

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;

use axum_core::body::Body;
use http::Response;
use http::request::Parts;

use super::body::ResponseBody;
use super::grpc;
use super::plan::Plan;
use crate::config::policy::Policy;
use crate::config::resolver::RequestContext;
use crate::config::rule;
use crate::decision::{Decision, Quota};
use crate::edge::permit_body::until_end;
use crate::edge::respond;
use crate::edge::respond::settled;
use crate::edge::responses::too_many;
use crate::error::ConfigError;
use crate::http::header_fields::Report;
use crate::pipeline::admission::Admission;
use crate::pipeline::admission_builder::AdmissionBuilder;
use crate::pipeline::degrade::DegradeSink;
use crate::pipeline::fast_path;
use crate::pipeline::fast_path::AtOnce;
use crate::pipeline::key_cache::KeyCache;
use crate::pipeline::once_per_request::Reach;
use crate::pipeline::prepare::{Given, Stop};
use crate::pipeline::rejection::Rejection;
use crate::registry::Registry;
use crate::throttle::counters::Event;

/// The admission of a request, which completes the response.
pub(super) enum Admitted {
    /// A rule bypassed the request.
    Bypassed,
    One(Arc<Policy>, Quota),
    Several(Box<Admission<'static>>),
    /// The inner permit, in a registry whose default handler makes the response to a denial of the program.
    #[cfg(feature = "axum")]
    Shaping(Box<(Self, Registry)>),
}

impl Admitted {
    /// Adds the headers of the decisions to the response, and applies `charge_when`. The request holds its
    /// concurrency permits until the body ends, if the body is awaited.
    pub(super) fn respond<B: ResponseBody>(self, response: Response<B>) -> Response<Body> {
        let is_awaited = response.body().is_awaited();
        self.complete(response.map(ResponseBody::into_body), is_awaited)
    }

    fn complete(self, mut response: Response<Body>, is_awaited: bool) -> Response<Body> {
        match self {
            Self::Bypassed => {}
            Self::One(policy, quota) => respond::by_one(&mut response, &policy, &quota),
            Self::Several(mut admission) => {
                let held = std::mem::take(&mut admission.held);
                response = settled(*admission, response);
                if is_awaited {
                    until_end(&mut response, held);
                }
            }
            #[cfg(feature = "axum")]
            Self::Shaping(shaping) => {
                let (permit, registry) = *shaping;
                response = permit.complete(crate::edge::axum::reshaped(response, &registry), is_awaited);
            }
        }
        response
    }

    /// Returns this permit for a request in that registry.
    #[cfg(feature = "axum")]
    fn within(self, registry: &Registry) -> Self {
        if registry.default_handler().is_some() {
            return Self::Shaping(Box::new((self, registry.clone())));
        }
        self
    }

    /// Returns this permit unchanged: without axum there are no handlers.
    #[cfg(not(feature = "axum"))]
    const fn within(self, _: &Registry) -> Self {
        self
    }
}

/// A request that the service does not receive.
pub(super) enum Denied {
    /// The response is finished.
    Answered(Box<Response<Body>>),
    /// The response needs a handler, a gRPC status or the report of a misconfiguration.
    Rejected(Rejection),
}

/// Returns the decision, if it needs neither a function nor time.
pub(super) fn at_once(plan: &Plan, parts: &mut Parts) -> Option<Result<Admitted, Denied>> {
    let registry = Registry::of_request(parts);
    #[cfg(feature = "tonic")]
    grpc::find_peer(parts);
    let context =
        RequestContext { parts, state: &(), lookup: &registry.environment().lookup, is_request: true };
    if !rule::read(iter::once(&plan.rules), &context)? {
        return Some(pass_by(plan, &registry).map_err(Rejection::Misconfigured).map_err(Denied::Rejected));
    }
    let throttle = plan.single()?.throttle(&registry).ok()?;
    let mut key = None;
    Some(match fast_path::at_once(&throttle, &context, |known| key = Some(known))? {
        AtOnce::Excluded => Ok(Admitted::Bypassed),
        AtOnce::Decided(policy, quota) if quota.fits() => {
            let policy = policy.into_owned();
            if let (true, Some(key), Some(cost)) = (policy.once_per_request, key, policy.constant_cost) {
                Reach::by_one(throttle, key, cost, quota).mark(&mut parts.extensions);
            }
            Ok(Admitted::One(policy, quota).within(&registry))
        }
        AtOnce::Decided(policy, quota)
            if policy.handler.is_none() && grpc::content_type(&context.parts.headers).is_none() =>
        {
            Err(Denied::Answered(Box::new(too_many(&Report::denied(&policy, &quota)))))
        }
        AtOnce::Decided(policy, quota) => {
            let decision = Decision::by_one(quota);
            Err(Denied::Rejected(Rejection::throttled(&throttle, &policy, decision, None, context.parts)))
        }
    })
}

/// Returns the decision, however long it takes.
pub(super) async fn decide(plan: &Plan, parts: &mut Parts) -> Result<Admitted, Rejection> {
    let registry = Registry::of_request(parts);
    let mut context =
        RequestContext { parts, state: &(), lookup: &registry.environment().lookup, is_request: true };
    let included = rule::resolve(iter::once(&plan.rules), &mut context).await;
    if !included.map_err(|response| Rejection::Stopped(Stop::Answered(response)))? {
        return pass_by(plan, &registry).map_err(Rejection::Misconfigured);
    }
    let mut known = KeyCache::default();
    let mut builder = AdmissionBuilder::new(&mut known, DegradeSink::handler());
    for throttle in plan.throttles(&registry).map_err(Rejection::Misconfigured)? {
        builder.draw(Cow::Owned(throttle), Given::default(), &mut context).await?;
    }
    let mut admission = builder.decide(&mut context).await?;
    admission.tell(&mut context.parts.extensions);
    admission.mark(&mut context.parts.extensions);
    Ok(Admitted::Several(Box::new(admission)).within(&registry))
}

/// Lets a request pass that a rule of the layer excludes from all its throttles.
fn pass_by(plan: &Plan, registry: &Registry) -> Result<Admitted, ConfigError> {
    for throttle in plan.throttles(registry)? {
        throttle.count(Event::Skipped);
    }
    Ok(Admitted::Bypassed.within(registry))
}
