//! Plain async fns with extractors as settings.

use std::future::Future;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::plug::{Answer, Arg, Head, Refusal, Role, Web};
use crate::{Failure, Soon, Throttled};

macro_rules! functions {
    ($(($($extractor:ident)*))*) => { $(
        impl<R, F, Fut, S, $($extractor,)*> Arg<R, ($($extractor,)*), Web<S>> for F
        where
            R: Role,
            F: Fn($($extractor),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: Answer<R>> + Send,
            S: Send + Sync + 'static,
            $( $extractor: FromRequestParts<S> + Send + 'static, )*
        {
            #[allow(non_snake_case, unused_variables, reason = "one letter per extractor, none for the first")]
            fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> Soon<'a, Result<R::Output, Refusal>> {
                Soon::later(async move {
                    let (parts, state) = head.parts_and_state::<S>().ok_or_else(wrong_state)?;
                    $( let $extractor = $extractor::from_request_parts(parts, state)
                        .await
                        .map_err(IntoResponse::into_response)?; )*
                    self($($extractor),*).await.answer()
                })
            }
        }
    )* };
}

functions! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E G) (A B C D E G H) (A B C D E G H I)
}

/// The attribute hands the same type to the guard and to its functions, so this is never seen.
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
