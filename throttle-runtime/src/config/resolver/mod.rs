//! Plug-ins of a throttle: each setting is a value, or a plain async function that is called per request.
//!
//! A program needs these traits in two cases: as bounds of its own functions that take settings ([`Arg`]), and to
//! return its own types from functions of a throttle ([`Answer`](role::Answer)).

mod answered;
mod charge_when;
mod constant;
mod erased;
mod request_context;
pub mod role;

pub use answered::Answered;
pub use charge_when::{ChargeWhen, Judge, judge};
pub(crate) use erased::keep;
pub use erased::wrap;
pub use request_context::Head;
pub(crate) use role::{Answer, Shape};

use std::any::TypeId;

use crate::{ConfigError, NowOrLater, Recovery};

/// The response of a plug-in that ends the request.
#[cfg(feature = "axum")]
pub type Refusal = axum::response::Response;
/// Without axum there are no responses, so no plug-in can end a request.
#[cfg(not(feature = "axum"))]
pub type Refusal = std::convert::Infallible;

/// The purpose of a setting, such as its rate or its key: one of the types in [`role`].
pub trait Role: 'static {
    /// The type of the resolved setting for one request.
    type Output: Send;
}

/// A setting of the role `R`, independent of the type that it was made from. Policies contain settings in
/// this form.
///
/// ```
/// use throttle::plug::{Ask, Call, role};
///
/// let rate = role::setting::<role::rate, _, _, Call>("100/min");
/// assert_eq!(rate.describe(), "100/min");
/// assert!(rate.value().is_some_and(|limits| limits.is_ok()));
/// ```
pub trait Ask<R: Role>: Send + Sync {
    /// Resolves the setting for one request.
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> NowOrLater<'a, Result<R::Output, Refusal>>;

    /// Resolves the setting for one request, if that calls no function.
    fn read(&self, head: &Head<'_>) -> Option<R::Output>;

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
/// use throttle::plug::{Arg, Web, role};
///
/// /// Takes a rate in every form that [`Settings::rate`] takes.
/// fn partner<M: 'static>(
///     rate: impl role::Shape<role::rate, M, Web<()>> + Arg<role::rate, M, Web<()>> + 'static,
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
pub trait Arg<R: Role, M, E>: Shape<R, M, E> + Send + Sync + 'static {
    /// See [`Ask::ask`].
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> NowOrLater<'a, Result<R::Output, Refusal>>;

    /// See [`Ask::read`].
    fn read(&self, _: &Head<'_>) -> Option<R::Output> {
        None
    }

    /// See [`Ask::value`].
    fn value(&self) -> Option<Result<R::Output, ConfigError>> {
        None
    }

    /// See [`Ask::describe`].
    fn describe(&self) -> String {
        std::any::type_name_of_val(self).to_owned()
    }

    /// See [`Ask::recovery`].
    fn recovery(&self) -> Option<Recovery> {
        None
    }
}

/// Marks an argument that is a value: see [`Arg`].
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

/// A call of any other async function, without a request: see [`Ask`].
#[derive(Debug)]
pub struct Call;
