//! What plugs into a throttle: each setting is a value, or a plain async fn that is asked per request.

mod answered;
mod head;
mod judge;
pub mod role;
pub(crate) mod value;
mod wrap;

pub use answered::Answered;
pub use head::Head;
pub use judge::{ChargeWhen, Judge, judge};
pub(crate) use role::{Answer, Role};
pub use wrap::wrap;

use std::any::TypeId;

use crate::{ConfigError, Recovery, Soon};

/// The response of a plug-in that ends the request.
#[cfg(feature = "axum")]
pub type Refusal = axum::response::Response;
/// Without axum there are no responses, so nothing can refuse with one.
#[cfg(not(feature = "axum"))]
pub type Refusal = std::convert::Infallible;

/// A setting of the role `R`, whatever it was made from. This is what policies hold.
pub trait Ask<R: Role>: Send + Sync {
    /// The answer for one request.
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> Soon<'a, Result<R::Output, Refusal>>;

    /// The same answer, if it takes no function.
    fn read(&self, head: &Head<'_>) -> Option<R::Output>;

    /// The answer for every request, if the setting is a value; or what is wrong with it.
    fn value(&self) -> Option<Result<R::Output, ConfigError>>;

    /// What stands in listings: the value, or the function's path.
    fn describe(&self) -> String;

    /// Which function answers, if one does.
    fn function(&self) -> Option<TypeId>;

    /// What is tried before this is asked, for `on_error`.
    fn recovery(&self) -> Option<Recovery>;
}

/// What can be a setting of the role `R`: a value of its type, or a plain async fn whose arguments are
/// extracted from the request head. `M` is how the compiler tells them apart, `E` is where they run: on a
/// [`Web`] request or at any other [`Call`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit this setting of a throttle",
    label = "neither a value of this setting nor the name of an `async fn` that returns one",
    note = "a function is named and not called: write `key = tenant`, not `key = tenant()`",
    note = "`rate` is a text such as \"100/min\", a `Rate` or `Rates`; `cost` a whole number; `class` a name, a `Class` or a `Priority`; `on_error` a policy's name, an `OnError` or a `Recovery`; `key` is `ip`, `global`, `header(\"…\")`, `cookie(\"…\")` or a template such as \"{{id}}\"; `only` and `bypass` a `Rule`",
    note = "each of them, `caller`, `exempt` and `handler` may be an `async fn` whose arguments are extractors of the request parts; outside of requests it has no arguments, except the `Failure` of `on_error`"
)]
pub trait Arg<R: Role, M, E>: Send + Sync + 'static {
    /// See [`Ask::ask`].
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> Soon<'a, Result<R::Output, Refusal>>;

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

/// A web request, whatever its router: the settings of statics, layers and the registry apply to any router, so their
/// functions take no [`State`](axum::extract::State). The parameter is always `()`.
#[derive(Debug)]
pub struct Web<S>(std::marker::PhantomData<fn() -> S>);

/// A web request to a handler whose functions take the state `S`.
#[derive(Debug)]
pub struct WithState<S>(std::marker::PhantomData<fn() -> S>);

/// A web request to a handler that neither takes a state nor names one.
#[derive(Debug)]
pub struct WithoutState;

/// A call of any other async fn: there is no request.
#[derive(Debug)]
pub struct Call;
