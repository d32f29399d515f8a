//! Type erasure for settings.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use super::{EarlyResponse, IntoResolver, RequestContext, Resolver, Role, Web};
use crate::error::ConfigError;
use crate::resilience::Recovery;
use crate::util::now_or_later::NowOrLater;
use crate::util::shared::Shared;

/// An argument with the type parameters that distinguish values from functions. It implements [`Resolver`]
/// without these parameters.
pub struct Erased<A, M, E> {
    arg: A,
    kind: PhantomData<fn() -> (M, E)>,
}

/// Converts an argument into a resolver. The bound rejects a wrong argument, with the error at the argument.
pub const fn erase<R: Role, A: IntoResolver<R, M, E>, M, E>(arg: A) -> Erased<A, M, E> {
    Erased { arg, kind: PhantomData }
}

/// Converts an argument into a value of settings. Functions take no memory.
pub(crate) fn into_shared<R, A, M: 'static>(arg: A) -> Shared<dyn Resolver<R>>
where
    R: Role,
    A: IntoResolver<R, M, Web<()>> + 'static,
{
    Shared::Counted(Arc::new(erase(arg)))
}

impl<R: Role, A: IntoResolver<R, M, E>, M, E> Resolver<R> for Erased<A, M, E> {
    fn resolve<'a>(
        &'a self,
        context: &'a mut RequestContext<'_>,
    ) -> NowOrLater<'a, Result<R::Output, EarlyResponse>> {
        self.arg.resolve(context)
    }

    fn read(&self, context: &RequestContext<'_>) -> Option<R::Output> {
        self.arg.read(context)
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

impl<A, M, E> std::fmt::Debug for Erased<A, M, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<A>())
    }
}
