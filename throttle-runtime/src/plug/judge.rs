//! What tells from a response whether its request is charged.

use std::any::{self, TypeId};
use std::marker::PhantomData;

use http::StatusCode;
use http::response::Parts;

/// A `charge_when`, whatever it was made from. This is what policies hold.
pub trait Judge: Send + Sync {
    /// Whether a request with a response of that head is charged.
    fn charges(&self, response: &Parts) -> bool;

    /// Which function it is.
    fn function(&self) -> TypeId;

    /// What stands in listings: the function's path.
    fn describe(&self) -> &'static str;
}

/// What can be a `charge_when`: a plain fn of the status or of the head of a response, so that the response need not
/// wait for it. `M` is how the compiler tells them apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether a response is charged",
    label = "not a plain fn of a response that returns a `bool`",
    note = "`charge_when` is a `fn(StatusCode) -> bool` or a `fn(&http::response::Parts) -> bool`, such as `throttle::outcome::failed`: not an async one"
)]
pub trait ChargeWhen<M>: Send + Sync + 'static {
    /// See [`Judge::charges`].
    fn charges(&self, response: &Parts) -> bool;
}

#[diagnostic::do_not_recommend]
impl<F: Fn(StatusCode) -> bool + Send + Sync + 'static> ChargeWhen<StatusCode> for F {
    fn charges(&self, response: &Parts) -> bool {
        self(response.status)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Fn(&Parts) -> bool + Send + Sync + 'static> ChargeWhen<Parts> for F {
    fn charges(&self, response: &Parts) -> bool {
        self(response)
    }
}

struct Judging<F, M> {
    outcome: F,
    of: PhantomData<fn() -> M>,
}

/// A function as a setting; the bound is what rejects a wrong one, at the argument.
pub const fn judge<F: ChargeWhen<M>, M: 'static>(outcome: F) -> impl Judge {
    Judging { outcome, of: PhantomData }
}

impl<F: ChargeWhen<M>, M: 'static> Judge for Judging<F, M> {
    fn charges(&self, response: &Parts) -> bool {
        self.outcome.charges(response)
    }

    fn function(&self) -> TypeId {
        TypeId::of::<F>()
    }

    fn describe(&self) -> &'static str {
        any::type_name::<F>()
    }
}
