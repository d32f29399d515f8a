//! The setting `charge_when`: whether the response to a request is charged.

use std::any::{self, TypeId};
use std::marker::PhantomData;

use http::StatusCode;
use http::response::Parts;

/// A `charge_when`, independent of the type that it was made from. Policies contain it in this form.
///
/// ```
/// use throttle::{outcome, resolver::{ChargePredicate, charge_predicate}};
///
/// let predicate = charge_predicate(outcome::failed);
/// assert_eq!(predicate.describe(), "outcome::failed");
/// ```
pub trait ChargePredicate: Send + Sync {
    /// Returns whether a request is charged if its response has these parts.
    fn charges(&self, response: &Parts) -> bool;

    /// Returns the identity of the function.
    fn function(&self) -> TypeId;

    /// Returns the text for listings: the function's path.
    fn describe(&self) -> &'static str;
}

/// A type that can be a `charge_when`: a plain function of the status or of the parts of a response. It is
/// not async, so the response does not wait for it. `M` lets the compiler distinguish the two.
///
/// ```
/// use axum::http::StatusCode;
/// use throttle::Settings;
///
/// fn not_found(status: StatusCode) -> bool {
///     status == StatusCode::NOT_FOUND
/// }
///
/// let settings = Settings::new().rate("20/min").charge_when(not_found);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a valid `charge_when` function",
    label = "expected a function of the response that returns a `bool`",
    note = "`charge_when` is a `fn(StatusCode) -> bool` or a `fn(&http::response::Parts) -> bool`, such as `throttle::outcome::failed`; it is not async"
)]
pub trait ChargeWhen<M>: Send + Sync + 'static {
    /// See [`ChargePredicate::charges`].
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

struct FunctionPredicate<F, M> {
    outcome: F,
    of: PhantomData<fn() -> M>,
}

/// Converts a function into a setting. The bound rejects a wrong function, with the error at the argument.
pub const fn charge_predicate<F: ChargeWhen<M>, M: 'static>(outcome: F) -> impl ChargePredicate {
    FunctionPredicate { outcome, of: PhantomData }
}

impl<F: ChargeWhen<M>, M: 'static> ChargePredicate for FunctionPredicate<F, M> {
    fn charges(&self, response: &Parts) -> bool {
        self.outcome.charges(response)
    }

    fn function(&self) -> TypeId {
        TypeId::of::<F>()
    }

    fn describe(&self) -> &'static str {
        // The built-in functions are written `outcome::failed` in programs.
        let name = any::type_name::<F>();
        name.strip_prefix("throttle_runtime::config::").unwrap_or(name)
    }
}
