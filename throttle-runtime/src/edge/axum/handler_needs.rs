//! Types that tell the guard, at compile time, what a handler needs besides its decision.

use std::marker::PhantomData;

use axum::extract::FromRef;

use crate::config::resolver::{WithState, WithoutState};

/// The type of a handler's first argument and its return type, as they are written.
#[derive(Debug)]
pub struct HandlerSignature<P, R>(PhantomData<fn() -> (P, R)>);

/// The needs of a handler besides its decision: the state of its functions, and a copy of the decision.
pub trait HandlerNeeds<S> {
    /// The type of the state for plug-in functions.
    type State: Send + Sync + 'static;

    /// Whether the handler takes the decision that admitted the request as an argument.
    const TAKES_DECISION: bool = false;

    /// Whether the handler may pass its request on, as a middleware does.
    const FORWARDS: bool = false;

    /// Returns the state for plug-in functions.
    fn derive_state(state: &S) -> Self::State;
}

impl<S, T: FromRef<S> + Send + Sync + 'static> HandlerNeeds<S> for WithState<T> {
    type State = T;

    fn derive_state(state: &S) -> T {
        T::from_ref(state)
    }
}

impl<S> HandlerNeeds<S> for WithoutState {
    type State = ();

    fn derive_state(_: &S) {}
}

/// Like `C`, for a handler that takes a [`Decision`](crate::Decision).
#[derive(Debug)]
pub struct TakesDecision<C>(PhantomData<fn() -> C>);

impl<S, C: HandlerNeeds<S>> HandlerNeeds<S> for TakesDecision<C> {
    type State = C::State;

    const TAKES_DECISION: bool = true;

    const FORWARDS: bool = C::FORWARDS;

    fn derive_state(state: &S) -> C::State {
        C::derive_state(state)
    }
}

/// Like `C`, for a handler that may pass its request on.
#[derive(Debug)]
pub struct ForwardsRequest<C>(PhantomData<fn() -> C>);

impl<S, C: HandlerNeeds<S>> HandlerNeeds<S> for ForwardsRequest<C> {
    type State = C::State;

    const TAKES_DECISION: bool = C::TAKES_DECISION;

    const FORWARDS: bool = true;

    fn derive_state(state: &S) -> C::State {
        C::derive_state(state)
    }
}
