//! Resolvers of settings: each setting is a value, or a plain async function that is called per request.
//!
//! A program needs these traits in two cases: as bounds of its own functions that take settings
//! ([`IntoResolver`]), and to return its own types from functions of a throttle
//! ([`IntoSetting`](role::IntoSetting)).

mod async_return;
mod charge_when;
mod constant;
mod erased;
mod request_context;
pub mod role;

pub use async_return::AsyncReturn;
pub use charge_when::{ChargePredicate, ChargeWhen, charge_predicate};
pub use erased::erase;
pub(crate) use erased::into_shared;
pub use request_context::RequestContext;
pub(crate) use role::{IntoSetting, Shape};

use std::any::TypeId;

use crate::error::ConfigError;
use crate::resilience::Recovery;
use crate::util::now_or_later::NowOrLater;

/// The response of a function that ends the request.
#[cfg(feature = "axum")]
pub type EarlyResponse = axum::response::Response;
/// Without axum there are no responses, so no function can end a request.
#[cfg(not(feature = "axum"))]
pub type EarlyResponse = std::convert::Infallible;

/// The purpose of a setting, such as its rate or its key: one of the types in [`role`].
pub trait Role: 'static {
    /// The type of the resolved setting for one request.
    type Output: Send;
}

/// A setting of the role `R`, independent of the type that it was made from. Policies contain settings in
/// this form.
///
/// ```
/// use throttle::resolver::{Resolver, Call, role};
///
/// let rate = role::setting::<role::rate, _, _, Call>("100/min");
/// assert_eq!(rate.describe(), "100/min");
/// assert!(rate.value().is_some_and(|limits| limits.is_ok()));
/// ```
pub trait Resolver<R: Role>: Send + Sync {
    /// Resolves the setting for one request.
    fn resolve<'a>(
        &'a self,
        context: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<R::Output, EarlyResponse>>;

    /// Resolves the setting for one request, if that calls no function.
    fn read(&self, context: &RequestContext<'_>) -> Option<R::Output>;

    /// Returns the value for all requests, if the setting is a value, or the problem with it. `None` if it is
    /// not a value.
    fn value(&self) -> Option<Result<R::Output, ConfigError>>;

    /// Returns the text for listings: the value, or the function's path.
    fn describe(&self) -> String;

    /// Returns the identity of the setting, if it has a type of size 0, such as a function without captured
    /// values.
    fn function(&self) -> Option<TypeId>;

    /// Returns the recovery that is tried before this setting is evaluated, for `on_error`.
    fn recovery(&self) -> Option<Recovery>;
}

/// A type that can be a setting of the role `R`: a value of the role, or a plain async function whose
/// arguments are extracted from the request parts.
///
/// `M` lets the compiler distinguish these types. `E` is the place where they are used: a [`Web`] request, or
/// any other [`Call`].
///
/// ```
/// use throttle::Settings;
/// use throttle::resolver::{IntoResolver, Web, role};
///
/// /// Takes a rate in every form that [`Settings::rate`] takes.
/// fn partner<M: 'static>(
///     rate: impl role::Shape<role::rate, M, Web<()>> + IntoResolver<role::rate, M, Web<()>> + 'static,
/// ) -> Settings {
///     Settings::new().rate(rate).class("partner")
/// }
///
/// assert_eq!(partner("600/min").describe()[0], ("rate", "600/min".to_owned()));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a valid value of this setting",
    label = "expected a value of this setting, or the name of an `async fn` that returns one",
    note = "write the name of the function without a call: `key = tenant`, not `key = tenant()`",
    note = "`rate` is a text such as \"100/min\", a `Rate` or `Rates`; `cost` a whole number; `class` a name, a `Class` or a `Priority`; `on_error` a policy's name, an `OnError` or a `Recovery`; `key` is `ip`, `global`, `header(\"…\")`, `cookie(\"…\")` or a template such as \"{{id}}\"; `only` and `bypass` a `Rule`",
    note = "each of them, `caller`, `exempt` and `handler` may be an `async fn` whose arguments are extractors of the request parts; outside of requests it has no arguments, except the `Failure` of `on_error`"
)]
pub trait IntoResolver<R: Role, M, E>: Shape<R, M, E> + Send + Sync + 'static {
    /// See [`Resolver::resolve`].
    fn resolve<'a>(
        &'a self,
        context: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<R::Output, EarlyResponse>>;

    /// See [`Resolver::read`].
    fn read(&self, _: &RequestContext<'_>) -> Option<R::Output> {
        None
    }

    /// See [`Resolver::value`].
    fn value(&self) -> Option<Result<R::Output, ConfigError>> {
        None
    }

    /// See [`Resolver::describe`].
    fn describe(&self) -> String {
        std::any::type_name_of_val(self).to_owned()
    }

    /// See [`Resolver::recovery`].
    fn recovery(&self) -> Option<Recovery> {
        None
    }
}

/// Marks an argument that is a value: see [`IntoResolver`].
#[derive(Debug)]
pub struct Value;

/// A web request to any router. The settings of statics, layers and the registry apply to all routers, so
/// their functions take no [`State`](axum::extract::State). The parameter is always `()`.
#[derive(Debug)]
pub struct Web<S>(std::marker::PhantomData<fn() -> S>);

/// A web request to a handler whose functions take the state `S`.
#[derive(Debug)]
pub struct WithState<S>(std::marker::PhantomData<fn() -> S>);

/// A web request to a handler without a state.
#[derive(Debug)]
pub struct WithoutState;

/// A call of any other async function, without a request: see [`Resolver`].
#[derive(Debug)]
pub struct Call;
