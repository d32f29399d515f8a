//! Values and functions without extractors as arguments.

use std::future::Future;

use super::{Answer, Arg, Call, Head, Refusal, Role, role};
use crate::failure::{Failure, OnError, Reaction};
use crate::http::source::{Cookie, Global, Header, Ip, KeySource};
use crate::strategy::{Class, Priority};
use crate::{ConfigError, Identity, Rate, Rates, Recovery, Soon};

/// Marks an argument that is a value.
#[derive(Debug)]
pub struct Value;

macro_rules! values {
    ($($role:ident: $($value:ty),*;)*) => { $( $(
        impl<E> Arg<role::$role, Value, E> for $value {
            fn ask<'a>(
                &'a self,
                _: &'a mut Head<'_>,
            ) -> Soon<'a, Result<<role::$role as Role>::Output, Refusal>> {
                Soon::now(Ok((*self).into()))
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
    cost: u8, u16, u32, u64;
    class: Class, Priority;
}

/// A rate from a configuration file. Its mistakes come up when the registry is built.
impl<E> Arg<role::rate, Value, E> for &'static str {
    fn ask<'a>(&'a self, _: &'a mut Head<'_>) -> Soon<'a, Result<Rates, Refusal>> {
        // A policy with a rate that does not parse is never built.
        Soon::now(Ok(self.parse().unwrap_or(Rates::of(Rate::UNLIMITED))))
    }

    fn value(&self) -> Option<Result<Rates, ConfigError>> {
        Some(self.parse().map_err(|error| ConfigError::one(format!("the rate \"{self}\": {error}"))))
    }

    fn describe(&self) -> String {
        self.parse::<Rates>().map_or_else(|_| (*self).to_owned(), |rates| rates.to_string())
    }
}

/// A class by name, from a configuration file. What is too long for one is a class that no strategy knows.
impl<E> Arg<role::class, Value, E> for &'static str {
    fn ask<'a>(&'a self, _: &'a mut Head<'_>) -> Soon<'a, Result<Class, Refusal>> {
        Soon::now(Ok((*self).into()))
    }

    fn value(&self) -> Option<Result<Class, ConfigError>> {
        let longest = Class::MAX;
        let long = || ConfigError::one(format!("the class \"{self}\" has more than {longest} bytes"));
        Some(if self.len() > longest { Err(long()) } else { Ok((*self).into()) })
    }

    fn describe(&self) -> String {
        format!("\"{self}\"")
    }
}

/// A policy by name, from a configuration file. Its mistakes come up when the registry is built.
impl<E> Arg<role::on_error, Value, E> for &'static str {
    fn ask<'a>(&'a self, _: &'a mut Head<'_>) -> Soon<'a, Result<Reaction, Refusal>> {
        Soon::now(Ok(OnError::named(self).unwrap_or_default().reaction()))
    }

    fn value(&self) -> Option<Result<Reaction, ConfigError>> {
        let unknown = || {
            ConfigError::one(format!(
                "unknown on_error \"{self}\": write \"allow\", \"throttle\" or \"raise\""
            ))
        };
        Some(OnError::named(self).map(OnError::reaction).ok_or_else(unknown))
    }

    fn describe(&self) -> String {
        format!("\"{self}\"")
    }
}

impl<E> Arg<role::on_error, Value, E> for OnError {
    fn ask<'a>(&'a self, _: &'a mut Head<'_>) -> Soon<'a, Result<Reaction, Refusal>> {
        Soon::now(Ok(self.reaction()))
    }

    fn value(&self) -> Option<Result<Reaction, ConfigError>> {
        Some(Ok(self.reaction()))
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

/// What is tried first; this is what remains when it has failed.
impl<E> Arg<role::on_error, Value, E> for Recovery {
    fn ask<'a>(&'a self, _: &'a mut Head<'_>) -> Soon<'a, Result<Reaction, Refusal>> {
        Soon::now(Ok(self.otherwise.reaction()))
    }

    fn value(&self) -> Option<Result<Reaction, ConfigError>> {
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
        impl<E> Arg<role::key, Value, E> for $source {
            fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> Soon<'a, Result<Identity, Refusal>> {
                Soon::now(Ok(Identity::Key(self.key(head))))
            }

            fn read(&self, head: &Head<'_>) -> Option<Identity> {
                Some(Identity::Key(self.key(head)))
            }

            fn describe(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

key_sources!(Ip, Global, Header, Cookie);

/// A plain async fn without arguments, where there is no request.
impl<R, F, Fut> Arg<R, (), Call> for F
where
    R: Role,
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Answer<R>> + Send,
{
    fn ask<'a>(&'a self, _: &'a mut Head<'_>) -> Soon<'a, Result<R::Output, Refusal>> {
        Soon::later(async move { self().await.answer() })
    }
}

/// A plain async fn of the [`Failure`], where there is no request.
impl<F, Fut> Arg<role::on_error, (Failure,), Call> for F
where
    F: Fn(Failure) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Answer<role::on_error>> + Send,
{
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> Soon<'a, Result<Reaction, Refusal>> {
        let failure = head.parts.extensions.get::<Failure>().cloned();
        Soon::later(async move {
            match failure {
                Some(failure) => self(failure).await.answer(),
                // The failure is there whenever this role is asked.
                None => Ok(OnError::default().reaction()),
            }
        })
    }
}
