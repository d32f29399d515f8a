//! The settings that functions can plug into, and what they may answer there.

use crate::failure::Reaction;
use crate::{BackendError, Identity, Key, Rate, Rates};

use super::Refusal;

/// What a setting is for.
pub trait Role: 'static {
    /// What it comes to for one request.
    type Output: Send;
}

macro_rules! roles {
    ($($role:ident => $output:ty),* $(,)?) => { $(
        // They stand in compiler messages, so they are written like the arguments.
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
    exempt => bool,
    on_error => Reaction,
    handler => Refusal,
}

/// What a plug-in function of the role `R` may return.
#[diagnostic::on_unimplemented(
    message = "an async fn that returns `{Self}` cannot be the `{R}` of a throttle",
    label = "this function's return type does not fit",
    note = "see the table of arguments in the documentation of `#[throttle]` for what each function returns"
)]
pub trait Answer<R: Role> {
    /// The answer, or the response that ends the request.
    fn answer(self) -> Result<R::Output, Refusal>;
}

macro_rules! answers {
    ($($role:ident: $($answer:ty),*;)*) => { $( $(
        impl Answer<$role> for $answer {
            fn answer(self) -> Result<<$role as Role>::Output, Refusal> {
                Ok(self.into())
            }
        }
    )* )* };
}

answers! {
    rate: Rate, Rates;
    cost: u8, u16, u32, u64;
    key: Identity, Key, String, &'static str, std::net::IpAddr, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128;
    exempt: bool;
    on_error: Reaction;
}

impl Answer<cost> for usize {
    fn answer(self) -> Result<u64, Refusal> {
        Ok(self as u64)
    }
}

impl Answer<on_error> for Result<Reaction, BackendError> {
    fn answer(self) -> Result<Reaction, Refusal> {
        Ok(self.unwrap_or_else(Reaction::Raise))
    }
}

macro_rules! tuple_keys {
    ($(($($part:ident)*))*) => { $(
        impl<$($part: Into<Key>),*> Answer<key> for ($($part,)*) {
            fn answer(self) -> Result<Identity, Refusal> {
                Ok(Identity::Key(self.into()))
            }
        }
    )* };
}

tuple_keys! { (A B) (A B C) (A B C D) }

#[cfg(feature = "axum")]
mod responses {
    use axum::response::IntoResponse;

    use super::{Answer, Refusal, Role, cost, exempt, handler, key, rate};

    impl<T: IntoResponse> Answer<handler> for T {
        fn answer(self) -> Result<Refusal, Refusal> {
            Ok(self.into_response())
        }
    }

    macro_rules! fallible {
        ($($role:ident),*) => { $(
            /// `Err` ends the request with its response.
            impl<T: Answer<$role>, E: IntoResponse> Answer<$role> for Result<T, E> {
                fn answer(self) -> Result<<$role as Role>::Output, Refusal> {
                    self.map_err(IntoResponse::into_response)?.answer()
                }
            }
        )* };
    }

    fallible!(rate, cost, key, exempt);
}
