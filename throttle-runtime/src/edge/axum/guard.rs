//! The hidden first parameter of a handler, which decides before any other extractor runs.
//!
//! The parameter is one generic type of the runtime, and no type that is generated beside the function. The
//! expansion of an attribute on an associated function cannot contain another type, so this form works
//! everywhere, and expansions are smaller. The state of functions is taken through
//! [`FromRef`](axum::extract::FromRef), so functions may take a part of the router's state.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::mem;

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;

use super::admitted::Admitted;
use super::handler_needs::HandlerNeeds;
use crate::config::resolver::RequestContext;
use crate::decision::{Decision, Quota};
use crate::edge::admit;
use crate::edge::responses::too_many;
use crate::http::ClientIp;
use crate::http::header_fields::Report;
use crate::key::Key;
use crate::pipeline::admission::Admission;
use crate::pipeline::admission_builder::AdmissionBuilder;
use crate::pipeline::degrade::DegradeSink;
use crate::pipeline::fast_path;
use crate::pipeline::fast_path::AtOnce;
use crate::pipeline::key_cache::KeyCache;
use crate::pipeline::once_per_request::{Pending, Reach};
use crate::pipeline::rejection::Rejection;
use crate::registry::Registry;
use crate::registry::site::Site;
use crate::registry::site_index::linked;
use crate::throttle::Throttle;
use crate::throttle::policy_history::ActivePolicy;
use crate::util::now_or_later::BoxFuture;

/// The hidden first parameter of a handler with `#[throttle]`.
///
/// `SITE` identifies the function among the linked ones, so that the decision is made here, before any other
/// extractor has run. In two cases this is impossible: the key is made of the handler's arguments, or the
/// platform has no link-time collection. Then [`enter`](Self::enter) decides at the start of the handler. `C`
/// selects the state that plug-in functions see. `H` is the type that crates which read a handler's signature
/// find in place of this argument.
///
/// The name appears in compiler errors about code that calls a throttled handler without this argument.
pub struct OnlyAxumCallsThrottledHandlers<const SITE: u64, C, H = ()> {
    progress: Progress,
    needs: PhantomData<fn() -> (C, H)>,
}

enum Progress {
    Admitted(Admitted),
    /// A copy of the request parts, because the other extractors need the original, and the state. The type
    /// of the state is erased, so that the handler's future is `Send` by this declaration. Otherwise the
    /// compiler would have to derive that from a state type that may contain lifetimes.
    Undecided(Box<Undecided>),
}

struct Undecided {
    parts: Parts,
    state: Box<dyn Any + Send + Sync>,
    /// Where the decision is stored if the request is passed on.
    pending: Option<Pending>,
}

impl<const SITE: u64, S: Sync, C: HandlerNeeds<S>, H> FromRequestParts<S>
    for OnlyAxumCallsThrottledHandlers<SITE, C, H>
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        // Code that depends on `SITE` is compiled once per handler, so it is kept as small as this.
        let sites = linked(SITE);
        let first = if C::TAKES_DECISION {
            Err(None)
        } else if C::FORWARDS {
            at_once::<true>(sites, parts)
        } else {
            at_once::<false>(sites, parts)
        };
        let denied = match first {
            Ok(admitted) => return Ok(Progress::Admitted(admitted).into()),
            Err(denied) => denied,
        };
        let copies = DecisionCopies { for_handler: C::TAKES_DECISION, for_forwarding: C::FORWARDS };
        let later = match Progress::first(sites, denied, parts, C::derive_state(state), copies) {
            NowOrBoxed::Now(progress) => return progress.map(Self::from),
            NowOrBoxed::Boxed(later) => later,
        };
        later.await.map(Self::from)
    }
}

impl<const SITE: u64, C, H> From<Progress> for OnlyAxumCallsThrottledHandlers<SITE, C, H> {
    fn from(progress: Progress) -> Self {
        Self { progress, needs: PhantomData }
    }
}

impl<const SITE: u64, C, H> OnlyAxumCallsThrottledHandlers<SITE, C, H> {
    /// Decides now, if the decision was not made before. `keys` are the keys that are made of the handler's
    /// arguments. `None` if the request is admitted already.
    #[inline]
    pub fn enter<'a, const N: usize>(
        &'a mut self,
        sites: &'static [Site; N],
        keys: [Option<Key>; N],
    ) -> Option<BoxFuture<'a, Result<(), Response>>> {
        match self.progress {
            Progress::Admitted(_) => None,
            Progress::Undecided(_) => self.progress.last(sites, keys),
        }
    }

    /// Completes the response of the handler.
    pub fn respond(&mut self, response: &mut Response) {
        self.progress.respond(response);
    }

    /// Returns the client address, for keys that are made of the handler's arguments.
    pub fn client_ip(&self) -> ClientIp {
        match &self.progress {
            // Such a key does not exist then.
            Progress::Admitted(_) => ClientIp::UNKNOWN,
            Progress::Undecided(undecided) => {
                Registry::of_request(&undecided.parts).client_ip(&undecided.parts)
            }
        }
    }
}

impl Progress {
    /// Decides if [`at_once`] did not, or responds to its denial.
    ///
    /// Everything that takes more than a look at the request parts is boxed, here and below, so that it is
    /// not part of every handler's future. Unboxed, it cost 300 ns per request, to move, and 20 ms per
    /// handler, to compile.
    fn first<'a, T: Send + Sync + 'static>(
        sites: Option<&'static [Site]>,
        denied: Option<Denied>,
        parts: &'a mut Parts,
        state: T,
        copies: DecisionCopies,
    ) -> NowOrBoxed<'a, Result<Self, Response>> {
        match denied {
            Some(Denied { policy, quota, .. }) if policy.handler.is_none() => {
                NowOrBoxed::Now(Err(too_many(&Report::denied(&policy, &quota))))
            }
            Some(Denied { throttle, policy, quota }) => NowOrBoxed::boxed(async move {
                let rejection = Rejection::throttled(throttle, &policy, Decision::by_one(quota), None, parts);
                let registry = Registry::current_ref();
                let mut context = RequestContext {
                    parts,
                    state: &state,
                    lookup: &registry.environment().lookup,
                    is_request: true,
                };
                Err(rejection.into_response(&mut context).await)
            }),
            None => Self::later(sites, parts, state, copies),
        }
    }

    /// Decides with functions, or with a backend that takes time. If the sites are unknown, or a key is made of
    /// the handler's arguments, [`last`](Self::last) decides.
    fn later<'a, T: Send + Sync + 'static>(
        sites: Option<&'static [Site]>,
        parts: &'a mut Parts,
        state: T,
        copies: DecisionCopies,
    ) -> NowOrBoxed<'a, Result<Self, Response>> {
        let Some(sites) = sites.filter(|sites| !sites.iter().any(Site::has_template)) else {
            let pending = copies.for_forwarding.then(|| Pending::leave(&mut parts.extensions));
            let (parts, state) = (parts.clone(), Box::new(state));
            return NowOrBoxed::Now(Ok(Self::Undecided(Box::new(Undecided { parts, state, pending }))));
        };
        NowOrBoxed::boxed(async move {
            let sink = if copies.for_handler { DegradeSink::admitted() } else { DegradeSink::handler() };
            let admission = decide(sites, std::iter::repeat(None), parts, &state, sink).await?;
            if copies.for_forwarding {
                admission.mark(&mut parts.extensions);
            }
            Ok(Self::Admitted(Admitted::by_several(admission, &Registry::of_request(parts))))
        })
    }

    /// Decides, if the decision was not made before.
    fn last<'a, const N: usize>(
        &'a mut self,
        sites: &'static [Site; N],
        keys: [Option<Key>; N],
    ) -> Option<BoxFuture<'a, Result<(), Response>>> {
        let Self::Undecided(undecided) = mem::replace(self, Self::Admitted(Admitted::by_nobody())) else {
            return None;
        };
        Some(Box::pin(async move {
            let Undecided { mut parts, state, pending } = *undecided;
            // The handler already has its arguments, so they cannot receive the decision.
            let admission = decide(sites, keys, &mut parts, &*state, DegradeSink::Nobody).await?;
            if let Some(pending) = pending {
                admission.fill(&pending);
            }
            *self = Self::Admitted(Admitted::by_several(admission, &Registry::of_request(&parts)));
            Ok(())
        }))
    }

    fn respond(&mut self, response: &mut Response) {
        if let Self::Admitted(admitted) = self {
            admitted.respond(response);
        }
    }
}

/// A result, or a future of it. The future of a handler contains no room for the result, as it would with a
/// [`NowOrLater`](crate::NowOrLater): moving that room costs each request time.
enum NowOrBoxed<'a, T> {
    Now(T),
    Boxed(BoxFuture<'a, T>),
}

impl<'a, T> NowOrBoxed<'a, T> {
    fn boxed(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Boxed(Box::pin(future))
    }
}

/// Further things that a handler needs.
#[derive(Clone, Copy)]
struct DecisionCopies {
    /// The handler takes the decision as an argument.
    for_handler: bool,
    /// The handler may pass the request on, so the decision is stored in the request.
    for_forwarding: bool,
}

/// A denial by the only throttle of a handler.
struct Denied {
    throttle: &'static Throttle,
    policy: ActivePolicy<'static>,
    quota: Quota,
}

/// Returns the decision of a handler's only throttle, if it belongs to the global registry and needs neither
/// a function nor time. The decision is stored in a request that is passed on.
///
/// # Errors
///
/// Returns the denial, or `None` if there is no decision yet.
fn at_once<const FORWARDS: bool>(
    sites: Option<&'static [Site]>,
    parts: &mut Parts,
) -> Result<Admitted, Option<Denied>> {
    let Some([site]) = sites else { return Err(None) };
    if !site.is_plain() || Registry::is_in(&parts.extensions) {
        return Err(None);
    }
    let registry = Registry::current_ref();
    let Ok(Cow::Borrowed(throttle)) = site.throttle(&registry) else { return Err(None) };
    let context =
        RequestContext { parts, state: &(), lookup: &registry.environment().lookup, is_request: true };
    let mut key = None;
    let keep = |known| {
        if FORWARDS {
            key = Some(known);
        }
    };
    match fast_path::at_once(throttle, &context, keep) {
        None => Err(None),
        Some(AtOnce::Excluded) => Ok(Admitted::by_nobody()),
        Some(AtOnce::Decided(policy, quota)) if quota.fits() => {
            if let (true, Some(key), Some(cost)) = (policy.once_per_request, key, policy.constant_cost) {
                Reach::by_one(throttle.clone(), key, cost, quota).mark(&mut parts.extensions);
            }
            let is_silent = policy.headers.is_silent();
            Ok(if is_silent { Admitted::by_nobody() } else { Admitted::by_one(policy, quota) })
        }
        Some(AtOnce::Decided(policy, quota)) => Err(Some(Denied { throttle, policy, quota })),
    }
}

#[expect(clippy::manual_async_fn, reason = "the signature has to say that the future is `Send`")]
fn decide<'a>(
    sites: &'static [Site],
    keys: impl IntoIterator<Item = Option<Key>, IntoIter: Send> + Send + 'a,
    parts: &'a mut Parts,
    state: &'a (dyn Any + Send + Sync),
    sink: DegradeSink,
) -> impl Future<Output = Result<Admission<'static>, Response>> + Send + 'a {
    async move {
        let registry = Registry::of_request(parts);
        let mut context =
            RequestContext { parts, state, lookup: &registry.environment().lookup, is_request: true };
        let mut known = KeyCache::default();
        match admit::admit(sites, keys, AdmissionBuilder::new(&mut known, sink), &mut context, &registry)
            .await
        {
            Ok(mut admission) => {
                admission.tell(&mut context.parts.extensions);
                Ok(admission)
            }
            Err(rejection) => Err(rejection.into_response(&mut context).await),
        }
    }
}

impl<const SITE: u64, C, H> fmt::Debug for OnlyAxumCallsThrottledHandlers<SITE, C, H> {
    /// Writes no client data, because `#[tracing::instrument]` records every parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("throttle")
    }
}
