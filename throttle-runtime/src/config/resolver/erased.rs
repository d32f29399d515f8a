//! Type erasure for settings.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{Arg, Ask, Head, Refusal, Role, Web};
use crate::util::shared::Shared;
use crate::{ConfigError, NowOrLater, Recovery};

/// An argument with the type parameters that distinguish values from functions. It implements [`Ask`] without
/// these parameters.
pub struct Wrap<A, M, E> {
    arg: A,
    kind: PhantomData<fn() -> (M, E)>,
}

/// Wraps an argument. The bound rejects a wrong argument, with the error at the argument.
pub const fn wrap<R: Role, A: Arg<R, M, E>, M, E>(arg: A) -> Wrap<A, M, E> {
    Wrap { arg, kind: PhantomData }
}

/// Wraps an argument as a value of settings. Functions take no memory.
pub(crate) fn keep<R, A, M: 'static>(arg: A) -> Shared<dyn Ask<R>>
where
    R: Role,
    A: Arg<R, M, Web<()>> + 'static,
{
    Shared::Counted(Arc::new(wrap(arg)))
}

impl<R: Role, A: Arg<R, M, E>, M, E> Ask<R> for Wrap<A, M, E> {
    fn ask<'a>(&'a self, head: &'a mut Head<'_>) -> NowOrLater<'a, Result<R::Output, Refusal>> {
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
        // Each function has a type of its own with size 0. A larger type is a value, or a closure that may
        // differ from others of its type.
        (size_of::<A>() == 0).then(TypeId::of::<A>)
    }
}

impl<A, M, E> std::fmt::Debug for Wrap<A, M, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<A>())
    }
}
