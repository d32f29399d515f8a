//! The properties that every [`Backend`] has. Each function tests one property, and
//! [`conformance!`](macro@super::conformance) creates a test for each function.

mod counting;
mod denials;
mod drops;
mod keys;
mod lifecycle;
mod limit;
mod together;
mod waits;

pub use counting::{b081_as_many_pass_as_the_limit_says, b081_what_remains_is_what_was_not_used};
pub use denials::{
    b092_questions_take_nothing, b093_a_denied_request_changes_nothing, b093_what_never_fits_is_no_wait,
};
pub use drops::{b073_a_dropped_decision_holds_nothing, b073_a_dropped_decision_is_all_or_nothing};
pub use keys::{b074_scopes_strategies_and_periods_are_kept_apart, b080_keys_of_any_content_are_kept_apart};
pub use lifecycle::{
    b074_a_reset_forgets_everything, b074_who_is_forgotten_is_forgotten_alone,
    quotas_come_in_the_order_of_the_limits,
};
pub(super) use limit::Limit;
pub(super) use together::are_exact;
pub use together::{
    all_identities_are_charged_or_none, all_limits_are_charged_or_none, an_identity_pays_twice,
    concurrent_decisions_on_several_identities_are_exact, refunds_give_back_what_was_taken,
};
pub use waits::b082_the_wait_is_true;

use super::{Subject, Violation};
use crate::backend::Backend;

/// The list of all properties.
#[macro_export]
#[doc(hidden)]
macro_rules! __backend_properties {
    ($then:ident $($arguments:tt)*) => {
        $crate::$then! {
            $($arguments)*
            b073_a_dropped_decision_holds_nothing
            b073_a_dropped_decision_is_all_or_nothing
            b074_a_reset_forgets_everything
            b074_scopes_strategies_and_periods_are_kept_apart
            b074_who_is_forgotten_is_forgotten_alone
            b080_keys_of_any_content_are_kept_apart
            b081_as_many_pass_as_the_limit_says
            b081_what_remains_is_what_was_not_used
            b082_the_wait_is_true
            b092_questions_take_nothing
            b093_a_denied_request_changes_nothing
            b093_what_never_fits_is_no_wait
            all_identities_are_charged_or_none
            all_limits_are_charged_or_none
            an_identity_pays_twice
            concurrent_decisions_on_several_identities_are_exact
            quotas_come_in_the_order_of_the_limits
            refunds_give_back_what_was_taken
        }
    };
}

/// Tests all properties of a backend, and returns the name of each violated property with its violation. `make`
/// creates a backend for each property.
///
/// ```
/// use throttle::testkit::{Subject, backend};
/// use throttle::{ManualClock, backend::Memory};
///
/// # async fn example() {
/// let found = backend::violations(|| async {
///     let clock = ManualClock::new();
///     Subject::new(Memory::builder().clock(clock.clone()).build()).clock(clock)
/// });
/// assert!(found.await.is_empty());
/// # }
/// ```
pub async fn violations<B: Backend, F>(make: impl Fn() -> F) -> Vec<(&'static str, Violation)>
where
    F: Future<Output = Subject<B>>,
{
    use super::backend;
    crate::__backend_properties! { __violations { make } { backend } }
}
