//! The hidden first parameter of a handler: it decides before any other extractor runs.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use axum::response::Response;
use http::request::Parts;

use super::linked::linked;
use crate::admission::{self, Admission};
use crate::http::fields::Report;
use crate::plug::Head;
use crate::site::Site;
use crate::{Key, Registry, Soon};

/// The hidden first parameter of a handler with `#[throttle]`.
///
/// `SITE` names the function among the linked ones, so that the decision is made here, before any other
/// extractor has run. Where it cannot be (the key is made of the handler's arguments, or the platform has no
/// link-time collection), [`enter`](Self::enter) makes it at the start of the handler instead. `C` says which
/// state the plug-in functions see.
///
/// Its name is for those who read it in a compiler message: `#[axum::debug_handler]` calls a copy of the
/// function with the arguments it saw, so it has to see those that `#[throttle]` leaves.
pub struct ThrottleGoesAboveDebugHandler<const SITE: u64, C> {
    progress: Progress,
    carrier: PhantomData<fn() -> C>,
}

enum Progress {
    Admitted(Permit),
    /// A copy of the head, as the rest of it goes to the other extractors, and the state. Its type is erased, so
    /// that the handler's future is `Send` by what is written here and not by what the compiler finds out about
    /// a state that mentions lifetimes.
    Undecided(Box<(Parts, Box<dyn Any + Send + Sync>)>),
}

/// How the state for plug-in functions comes from that of the router.
pub trait Carry<S> {
    /// The type of the state for plug-in functions.
    type State: Send + Sync + 'static;

    /// The state for plug-in functions.
    fn carry(state: &S) -> Self::State;
}

/// Plug-in functions see the state `T`.
#[derive(Debug)]
pub struct With<T>(PhantomData<fn() -> T>);

/// Plug-in functions see no state.
#[derive(Debug)]
pub struct Without;

impl<S, T: FromRef<S> + Send + Sync + 'static> Carry<S> for With<T> {
    type State = T;

    fn carry(state: &S) -> T {
        T::from_ref(state)
    }
}

impl<S> Carry<S> for Without {
    type State = ();

    fn carry(_: &S) {}
}

impl<const SITE: u64, S: Sync, C: Carry<S>> FromRequestParts<S> for ThrottleGoesAboveDebugHandler<SITE, C> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        // What depends on `SITE` is compiled once per handler, so it is no more than this.
        match Progress::first(linked(SITE), parts, C::carry(state)).await {
            Ok(progress) => Ok(Self { progress, carrier: PhantomData }),
            Err(response) => Err(response),
        }
    }
}

impl<const SITE: u64, C> ThrottleGoesAboveDebugHandler<SITE, C> {
    /// Decides now if it was not decided before; `keys` are those made of the handler's arguments.
    pub fn enter<const N: usize>(
        self,
        sites: &'static [Site; N],
        keys: [Option<Key>; N],
    ) -> Soon<'static, Result<Permit, Response>> {
        self.progress.last(sites, keys)
    }
}

impl Progress {
    /// Decides, if the sites are known and no key of theirs is made of the handler's arguments.
    async fn first<T: Send + Sync + 'static>(
        sites: Option<&'static [Site]>,
        parts: &mut Parts,
        state: T,
    ) -> Result<Self, Response> {
        match sites.filter(|sites| !sites.iter().any(Site::has_template)) {
            Some(sites) => decide(sites, std::iter::repeat(None), parts, &state).await.map(Self::Admitted),
            None => Ok(Self::Undecided(Box::new((parts.clone(), Box::new(state))))),
        }
    }

    /// The rare way is boxed, so that it is no part of every handler's future: as one it cost the compiler 20 ms
    /// a handler.
    fn last<const N: usize>(
        self,
        sites: &'static [Site; N],
        keys: [Option<Key>; N],
    ) -> Soon<'static, Result<Permit, Response>> {
        match self {
            Self::Admitted(permit) => Soon::now(Ok(permit)),
            Self::Undecided(undecided) => Soon::later(async move {
                let (mut parts, state) = *undecided;
                decide(sites, keys, &mut parts, &*state).await
            }),
        }
    }
}

#[expect(clippy::manual_async_fn, reason = "the signature has to say that the future is `Send`")]
fn decide<'a>(
    sites: &'static [Site],
    keys: impl IntoIterator<Item = Option<Key>, IntoIter: Send> + Send + 'a,
    parts: &'a mut Parts,
    state: &'a (dyn Any + Send + Sync),
) -> impl Future<Output = Result<Permit, Response>> + Send + 'a {
    async move {
        let registry = parts.extensions.get::<Registry>().cloned();
        let registry = registry.map_or_else(Registry::in_charge, std::borrow::Cow::Owned);
        let mut head = Head { parts, state, common: registry.common() };
        match admission::admit(sites, keys, &mut head, &registry).await {
            Ok(admission) => Ok(Permit(Box::new(admission))),
            Err(rejection) => Err(rejection.into_response(&mut head).await),
        }
    }
}

/// A request was admitted.
///
/// Boxed, as it goes through the futures of every handler: there its size cost more, to run and above all to
/// compile.
pub struct Permit(Box<Admission<'static>>);

impl Permit {
    /// The handler's response with what the decision says about the limits.
    pub fn respond(self, mut response: Response) -> Response {
        for (ticket, decided) in self.0.tickets.iter().zip(self.0.decided.iter().flatten()) {
            // A client that is told of an exhausted limit may not follow a redirect, so it is not told there.
            let misleading = response.status().is_redirection() && decided.decision.remaining() == Some(0);
            if !ticket.policy.dry_run && !misleading {
                let report = Report {
                    name: &ticket.policy.name,
                    advertised: ticket.policy.advertised.as_ref(),
                    quotas: decided.decision.quotas(),
                    retry_after: None,
                    denied: false,
                    headers: ticket.policy.headers,
                };
                report.write(response.headers_mut());
            }
        }
        response
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl<const SITE: u64, C> fmt::Debug for ThrottleGoesAboveDebugHandler<SITE, C> {
    /// Names nobody: `#[tracing::instrument]` records every parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("throttle")
    }
}
