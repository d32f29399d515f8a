//! Plain async functions with extractors, as settings.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::config::resolver::{
    AsyncReturn, EarlyResponse, IntoResolver, IntoSetting, RequestContext, Role, Web, WithState, WithoutState,
};
use crate::pipeline::throttled::Throttled;
use crate::resilience::Failure;
use crate::util::now_or_later::NowOrLater;

/// An extractor of the request parts, for a function that takes the state `S`.
#[diagnostic::on_unimplemented(
    message = "a function of this throttle takes `{Self}`, which cannot be extracted for it",
    label = "not an extractor of the request parts with the state `{S}`",
    note = "here, functions can extract the state `{S}`, which the handler's own `State<…>` or `state = …` sets: for another state, write `state = App`, where `App` is the router's state, and implement `FromRef` for its parts",
    note = "an extractor of the body, such as `Json` or `String`, cannot be used: the check runs before the body is read"
)]
pub trait FromParts<S>: FromRequestParts<S> {}

#[diagnostic::do_not_recommend]
impl<S, T: FromRequestParts<S>> FromParts<S> for T {}

/// An extractor of the request parts, for a function of a handler without a state.
#[diagnostic::on_unimplemented(
    message = "a function of this throttle takes `{Self}`, which cannot be extracted for it",
    label = "not an extractor of the request parts, or one that needs the router's state",
    note = "for a function that takes `State<App>`, write `state = App` in the attribute, or `Socket<App>` for a message: the handler itself takes no state",
    note = "an extractor of the body, such as `Json` or `String`, cannot be used: the check runs before the body is read"
)]
pub trait FromPartsAlone: FromRequestParts<()> {}

#[diagnostic::do_not_recommend]
impl<T: FromRequestParts<()>> FromPartsAlone for T {}

/// An extractor of the request parts, for a function that belongs to no router.
#[diagnostic::on_unimplemented(
    message = "a function of a static, a layer or the registry takes `{Self}`, which cannot be extracted for it",
    label = "not an extractor of the request parts, or one that needs the router's state",
    note = "a static, a layer and the registry have no router and therefore no `State`: take `Extension<App>` and add `.layer(Extension(app))` to the router",
    note = "an extractor of the body, such as `Json` or `String`, cannot be used: the check runs before the body is read"
)]
pub trait FromPartsAnywhere: FromRequestParts<()> {}

#[diagnostic::do_not_recommend]
impl<T: FromRequestParts<()>> FromPartsAnywhere for T {}

macro_rules! function {
    ([$($parameter:tt)*] $request:ty, $state:ty, $from:path; $($extractor:ident)*) => {
        impl<R, F, Fut, $($parameter)* $($extractor,)*> IntoResolver<R, ($($extractor,)*), $request> for F
        where
            R: Role,
            F: Fn($($extractor),*) -> Fut + Send + Sync + 'static,
            Fut: AsyncReturn<Output: IntoSetting<R>, Future: Send>,
            $( $extractor: $from + Send + 'static, )*
        {
            #[allow(non_snake_case, unused_variables, reason = "one letter per extractor, none for the first")]
            fn resolve<'a>(
                &'a self,
                context: &'a mut RequestContext<'_>,
            ) -> NowOrLater<'a, Result<R::Output, EarlyResponse>> {
                NowOrLater::later(async move {
                    let (parts, state) = context.parts_and_state::<$state>().ok_or_else(wrong_state)?;
                    $( let $extractor = $extractor::from_request_parts(parts, state)
                        .await
                        .map_err(IntoResponse::into_response)?; )*
                    self($($extractor),*).future().await.into_setting()
                })
            }
        }
    };
}

macro_rules! functions {
    ($(($($extractor:ident)*))*) => { $(
        function!([S: Send + Sync + 'static,] WithState<S>, S, FromParts<S>; $($extractor)*);
        function!([] WithoutState, (), FromPartsAlone; $($extractor)*);
        function!([] Web<()>, (), FromPartsAnywhere; $($extractor)*);
    )* };
}

functions! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E G) (A B C D E G H) (A B C D E G H I)
}

/// The attribute passes the same type to the guard and to its functions, so this response is never sent.
fn wrong_state() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

macro_rules! contexts {
    ($($context:ident: $misplaced:literal;)*) => { $(
        impl<S: Sync> FromRequestParts<S> for $context {
            type Rejection = (StatusCode, &'static str);

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
                let found = parts.extensions.get::<Self>().cloned();
                found.ok_or((StatusCode::INTERNAL_SERVER_ERROR, $misplaced))
            }
        }
    )* };
}

contexts! {
    Throttled: "`Throttled` is an argument of a throttle's `handler` only";
    Failure: "`Failure` is an argument of an `on_error` function only";
}
