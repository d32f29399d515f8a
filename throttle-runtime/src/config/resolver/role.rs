//! The settings that functions can plug into, and the types that these functions may return.

use crate::config::caller::Caller;
use crate::error::BackendError;
use crate::key::{Identity, Key};
use crate::rate::{Rate, Rates};
use crate::resilience::ErrorAction;
use crate::strategy::{Class, Priority};

pub use super::Role;
use super::{EarlyResponse, IntoResolver, Resolver, Value, erase};

macro_rules! roles {
    ($($role:ident => $output:ty),* $(,)?) => { $(
        /// The role of the setting with this name.
        // These names appear in compiler errors, so they are written like the arguments of an attribute.
        #[allow(non_camel_case_types, missing_debug_implementations, missing_docs)]
        pub struct $role;

        impl Role for $role {
            type Output = $output;
        }
    )* };
}

roles! {
    rate => Rates,
    cost => u64,
    key => Identity,
    class => Class,
    caller => Caller,
    exempt => bool,
    rule => bool,
    on_error => ErrorAction,
    handler => EarlyResponse,
}

/// The shape of an argument: a value, or a function with a number of arguments. The compiler uses it to
/// determine `M` before it checks [`IntoResolver`], so that it reports the actual mistake: an argument that
/// is not an extractor, a wrong return type, or a function that is not async.
pub trait Shape<R, M, E> {}

#[diagnostic::do_not_recommend]
impl<R: Role, E, A: IntoResolver<R, Value, E>> Shape<R, Value, E> for A {}

macro_rules! shapes {
    ($(($($argument:ident)*))*) => { $(
        #[diagnostic::do_not_recommend]
        impl<R, E, F: Fn($($argument),*) -> Output, Output, $($argument),*> Shape<R, ($($argument,)*), E> for F {}
    )* };
}

shapes! {
    () (A) (A B) (A B C) (A B C D) (A B C D G) (A B C D G H) (A B C D G H I) (A B C D G H I J)
}

/// Converts an argument of an attribute into a setting. The return type is the same for every argument, so
/// that a wrong argument causes one error and not two.
pub const fn setting<R: Role, A, M: 'static, E: 'static>(arg: A) -> impl Resolver<R>
where
    A: Shape<R, M, E> + IntoResolver<R, M, E>,
{
    erase(arg)
}

/// A type that a plug-in function of the role `R` may return.
///
/// ```
/// use throttle::resolver::{EarlyResponse, role};
/// use throttle::{Identity, Settings};
///
/// struct Tenant(u64);
///
/// impl role::IntoSetting<role::key> for Tenant {
///     fn into_setting(self) -> Result<Identity, EarlyResponse> {
///         Ok(Identity::from(self.0))
///     }
/// }
///
/// async fn tenant() -> Tenant { Tenant(7) }
///
/// let settings = Settings::new().rate("100/min").key(tenant);
/// ```
#[diagnostic::on_unimplemented(
    message = "a function that returns `{Self}` is not a valid value of this setting",
    label = "this function returns the wrong type",
    note = "`key` functions return an `Identity`, a `Key`, a text, a number, an address or a tuple of these; `rate` functions a `Rate` or `Rates`; `cost` functions a whole number without a sign, such as `u64`; `class` functions a `Class`, a `Priority` or a text; `caller` functions a `Caller`; `exempt` functions and those of rules a `bool`; each of them also a `Result` of that with a response as the error",
    note = "`on_error` functions return an `ErrorAction`, `handler` functions any response"
)]
pub trait IntoSetting<R: Role> {
    /// Returns the resolved setting, or the response that ends the request.
    ///
    /// # Errors
    ///
    /// The response, if the function ends the request.
    fn into_setting(self) -> Result<R::Output, EarlyResponse>;
}

macro_rules! answers {
    ($($role:ident: $($answer:ty),*;)*) => { $( $(
        impl IntoSetting<$role> for $answer {
            fn into_setting(self) -> Result<<$role as Role>::Output, EarlyResponse> {
                Ok(self.into())
            }
        }
    )* )* };
}

answers! {
    rate: Rate, Rates;
    cost: u8, u16, u32, u64;
    key: Identity, Key, String, &'static str, std::net::IpAddr, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, std::borrow::Cow<'static, str>, crate::http::ClientIp;
    class: Class, Priority, String, &'static str;
    caller: Caller;
    exempt: bool;
    rule: bool;
    on_error: ErrorAction;
}

impl IntoSetting<cost> for usize {
    fn into_setting(self) -> Result<u64, EarlyResponse> {
        Ok(self as u64)
    }
}

impl IntoSetting<on_error> for Result<ErrorAction, BackendError> {
    fn into_setting(self) -> Result<ErrorAction, EarlyResponse> {
        Ok(self.unwrap_or_else(ErrorAction::Raise))
    }
}

macro_rules! tuple_keys {
    ($(($($part:ident)*))*) => { $(
        impl<$($part: Into<Key>),*> IntoSetting<key> for ($($part,)*) {
            fn into_setting(self) -> Result<Identity, EarlyResponse> {
                Ok(Identity::Key(self.into()))
            }
        }
    )* };
}

tuple_keys! { (A B) (A B C) (A B C D) }

#[cfg(feature = "axum")]
mod responses {
    use axum::response::IntoResponse;

    use super::{EarlyResponse, IntoSetting, Role, caller, class, cost, exempt, handler, key, rate, rule};

    impl<T: IntoResponse> IntoSetting<handler> for T {
        fn into_setting(self) -> Result<EarlyResponse, EarlyResponse> {
            Ok(self.into_response())
        }
    }

    macro_rules! fallible {
        ($($role:ident),*) => { $(
            /// `Err` ends the request with its response.
            impl<T: IntoSetting<$role>, E: IntoResponse> IntoSetting<$role> for Result<T, E> {
                fn into_setting(self) -> Result<<$role as Role>::Output, EarlyResponse> {
                    self.map_err(IntoResponse::into_response)?.into_setting()
                }
            }
        )* };
    }

    fallible!(rate, cost, key, class, caller, exempt, rule);
}
