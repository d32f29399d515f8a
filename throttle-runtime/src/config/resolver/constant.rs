//! Values, and functions without extractors, as settings.

use super::{AsyncReturn, Call, EarlyResponse, IntoResolver, IntoSetting, RequestContext, Role, Value, role};
use crate::config::key_source::{Cookie, Global, Header, Ip, KeySource};
use crate::error::ConfigError;
use crate::key::Identity;
use crate::rate::{Rate, Rates};
use crate::resilience::{ErrorAction, Failure, OnError, Recovery};
use crate::strategy::{Class, Priority};
use crate::util::now_or_later::NowOrLater;

macro_rules! values {
    ($($role:ident: $($value:ty),*;)*) => { $( $(
        impl<E> IntoResolver<role::$role, Value, E> for $value {
            fn resolve<'a>(
                &'a self,
                _: &'a mut RequestContext<'_>,
            ) -> NowOrLater<'a, Result<<role::$role as Role>::Output, EarlyResponse>> {
                NowOrLater::now(Ok((*self).into()))
            }

            fn value(&self) -> Option<Result<<role::$role as Role>::Output, ConfigError>> {
                Some(Ok((*self).into()))
            }

            fn describe(&self) -> String {
                self.to_string()
            }
        }
    )* )* };
}

values! {
    rate: Rate, Rates;
    class: Class, Priority;
}

macro_rules! costs {
    ($($integer:ty),*) => { $(
        /// A cost. A negative cost is reported by the registry. In an attribute, a negative literal is a
        /// compile error.
        impl<E> IntoResolver<role::cost, Value, E> for $integer {
            fn resolve<'a>(
                &'a self,
                _: &'a mut RequestContext<'_>,
            ) -> NowOrLater<'a, Result<u64, EarlyResponse>> {
                // A policy with a negative cost is never built.
                NowOrLater::now(Ok(u64::try_from(*self).unwrap_or(u64::MAX)))
            }

            fn value(&self) -> Option<Result<u64, ConfigError>> {
                let negative = |_| ConfigError::one(format!("the cost is {self}, and a cost cannot be negative: write 1 or more"));
                Some(u64::try_from(*self).map_err(negative))
            }

            fn describe(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

// An integer literal without a suffix is an `i32` if several types fit.
costs!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

/// A setting that is written as text.
trait Text: Role {
    /// Parses the text, or returns the problem with it.
    fn parse(text: &str) -> Result<Self::Output, ConfigError>;

    /// Returns a placeholder until the problem is reported: a policy with a text that does not parse is never
    /// built.
    fn otherwise() -> Self::Output;

    /// Returns the text for listings.
    fn shown(text: &str) -> String {
        format!("\"{text}\"")
    }
}

impl Text for role::rate {
    fn parse(text: &str) -> Result<Rates, ConfigError> {
        text.parse().map_err(|error| ConfigError::one(format!("the rate \"{text}\": {error}")))
    }

    fn otherwise() -> Rates {
        Rates::of(Rate::UNLIMITED)
    }

    fn shown(text: &str) -> String {
        text.parse::<Rates>().map_or_else(|_| text.to_owned(), |rates| rates.to_string())
    }
}

impl Text for role::class {
    fn parse(text: &str) -> Result<Class, ConfigError> {
        let longest = Class::MAX;
        let long = || ConfigError::one(format!("the class \"{text}\" has more than {longest} bytes"));
        if text.len() > longest { Err(long()) } else { Ok(text.into()) }
    }

    fn otherwise() -> Class {
        Class::NONE
    }
}

impl Text for role::on_error {
    fn parse(text: &str) -> Result<ErrorAction, ConfigError> {
        let unknown = || {
            ConfigError::one(format!(
                "unknown on_error \"{text}\": write \"allow\", \"throttle\" or \"raise\""
            ))
        };
        OnError::named(text).map(OnError::reaction).ok_or_else(unknown)
    }

    fn otherwise() -> ErrorAction {
        OnError::default().reaction()
    }
}

macro_rules! texts {
    ($($role:ident: $($text:ty),*;)*) => { $( $(
        /// A text, for example from a configuration file. Its mistakes are reported when the registry is
        /// built.
        impl<E> IntoResolver<role::$role, Value, E> for $text {
            fn resolve<'a>(
                &'a self,
                _: &'a mut RequestContext<'_>,
            ) -> NowOrLater<'a, Result<<role::$role as Role>::Output, EarlyResponse>> {
                let parsed = <role::$role as Text>::parse(self);
                NowOrLater::now(Ok(parsed.unwrap_or_else(|_| <role::$role as Text>::otherwise())))
            }

            fn value(&self) -> Option<Result<<role::$role as Role>::Output, ConfigError>> {
                Some(<role::$role as Text>::parse(self))
            }

            fn describe(&self) -> String {
                <role::$role as Text>::shown(self)
            }
        }
    )* )* };
}

texts! {
    rate: &'static str, String;
    class: &'static str, String;
    on_error: &'static str, String;
}

impl<E> IntoResolver<role::on_error, Value, E> for OnError {
    fn resolve<'a>(
        &'a self,
        _: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<ErrorAction, EarlyResponse>> {
        NowOrLater::now(Ok(self.reaction()))
    }

    fn value(&self) -> Option<Result<ErrorAction, ConfigError>> {
        Some(Ok(self.reaction()))
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

/// The recovery is tried first. As a setting, it evaluates to the reaction for the case that the recovery
/// fails.
impl<E> IntoResolver<role::on_error, Value, E> for Recovery {
    fn resolve<'a>(
        &'a self,
        _: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<ErrorAction, EarlyResponse>> {
        NowOrLater::now(Ok(self.otherwise.reaction()))
    }

    fn value(&self) -> Option<Result<ErrorAction, ConfigError>> {
        Some(Ok(self.otherwise.reaction()))
    }

    fn describe(&self) -> String {
        self.to_string()
    }

    fn recovery(&self) -> Option<Recovery> {
        Some(*self)
    }
}

macro_rules! key_sources {
    ($($source:ty),*) => { $(
        impl<E> IntoResolver<role::key, Value, E> for $source {
            fn resolve<'a>(
                &'a self,
                context: &'a mut RequestContext<'_>,
            ) -> NowOrLater<'a, Result<Identity, EarlyResponse>> {
                NowOrLater::now(Ok(Identity::Key(self.key(context))))
            }

            fn read(&self, context: &RequestContext<'_>) -> Option<Identity> {
                Some(Identity::Key(self.key(context)))
            }

            fn describe(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

key_sources!(Ip, Global, Header, Cookie);

/// A plain async function without arguments, for calls without a request.
impl<R, F, Fut> IntoResolver<R, (), Call> for F
where
    R: Role,
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: AsyncReturn<Output: IntoSetting<R>, Future: Send>,
{
    fn resolve<'a>(
        &'a self,
        _: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<R::Output, EarlyResponse>> {
        NowOrLater::later(async move { self().future().await.into_setting() })
    }
}

/// A plain async function of the [`Failure`], for calls without a request.
impl<F, Fut> IntoResolver<role::on_error, (Failure,), Call> for F
where
    F: Fn(Failure) -> Fut + Send + Sync + 'static,
    Fut: AsyncReturn<Output: IntoSetting<role::on_error>, Future: Send>,
{
    fn resolve<'a>(
        &'a self,
        context: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<ErrorAction, EarlyResponse>> {
        let failure = context.parts.extensions.get::<Failure>().cloned();
        NowOrLater::later(async move {
            match failure {
                Some(failure) => self(failure).future().await.into_setting(),
                // The failure is always set when this role is evaluated.
                None => Ok(OnError::default().reaction()),
            }
        })
    }
}
