//! From what a person writes to what a policy holds.

use std::any::TypeId;
use std::marker::PhantomData;

use super::{Arg, Ask, Head, Refusal, Role};
use crate::{ConfigError, Recovery, Soon};

/// An argument with the type parameters that tell values from functions, so that it can be held as
/// `dyn Ask` without them.
pub struct Wrap<A, M, E> {
    arg: A,
    kind: PhantomData<fn() -> (M, E)>,
}

/// Wraps an argument; the bound is what rejects a wrong one, at the argument.
pub const fn wrap<R: Role, A: Arg<R, M, E>, M, E>(arg: A) -> Wrap<A, M, E> {
    Wrap { arg, kind: PhantomData }
}

impl<R: Role, A: Arg<R, M, E>, M, E> Ask<R> for Wrap<A, M, E> {
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> Soon<'a, Result<R::Output, Refusal>> {
        self.arg.ask(head)
    }

    fn read(&self, head: &Head<'_>) -> Option<R::Output> {
        self.arg.read(head)
    }

    fn value(&self) -> Option<Result<R::Output, ConfigError>> {
        self.arg.value()
    }

    fn describe(&self) -> String {
        self.arg.describe()
    }

    fn recovery(&self) -> Option<Recovery> {
        self.arg.recovery()
    }

    fn function(&self) -> Option<TypeId> {
        // Functions have types of their own without content; what has content is a value or a closure that
        // differs from others of its type.
        (size_of::<A>() == 0).then(TypeId::of::<A>)
    }
}

impl<A, M, E> std::fmt::Debug for Wrap<A, M, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<A>())
    }
}
