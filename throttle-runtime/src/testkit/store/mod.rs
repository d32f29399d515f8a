//! The properties that every [`Store`] has. Each function tests one property, and
//! [`conformance!`](macro@super::conformance) creates a test for each function.

mod counters;
mod locks;
mod namespaces;
mod records;
mod swaps;
mod values;

use std::time::Duration;

pub use counters::{
    b066_a_counter_ends, b066_a_counter_keeps_its_time_to_live, b067_no_increment_is_lost,
    b067_no_more_than_the_limit_is_added, b068_counters_are_numbers_as_text, b068_counters_go_below_zero,
    b068_what_exceeds_the_limit_adds_nothing,
};
pub use locks::{
    b071_a_held_lock_is_refused, b071_a_lock_has_one_holder_at_a_time, b071_a_waiter_gets_the_lock,
    b072_a_lock_of_the_dead_ends, b072_a_stranger_frees_nothing, b072_fencing_tokens_rise,
    b073_a_dropped_waiter_holds_nothing,
};
pub use namespaces::{
    b074_a_prefix_is_no_pattern, b074_reset_removes_its_prefix_only, b080_all_of_a_key_counts,
};
pub use records::{
    b079_damaged_records_count_as_nothing, b081_backends_of_one_store_decide_on_several_identities,
    b081_backends_of_one_store_share_a_window, b081_backends_of_one_store_share_their_limits,
};
pub use swaps::{b078_a_swap_needs_what_was_expected, b078_no_swap_is_lost, b078_swapped_values_expire};
pub use values::{
    b064_missing_keys_are_no_error, b064_values_come_back, b065_another_ttl_replaces_the_first,
    b065_values_expire, b065_values_live_as_long_as_they_should, b065_values_without_ttl_stay,
    b069_many_values_come_in_the_order_of_their_keys, b070_many_values_expire_as_one_does,
};

use super::{Outcome, Subject, Violation};
use crate::backend::Store;

/// The list of all properties.
#[macro_export]
#[doc(hidden)]
macro_rules! __store_properties {
    ($then:ident $($arguments:tt)*) => {
        $crate::$then! {
            $($arguments)*
            b064_missing_keys_are_no_error
            b064_values_come_back
            b065_values_expire
            b065_values_live_as_long_as_they_should
            b065_values_without_ttl_stay
            b065_another_ttl_replaces_the_first
            b066_a_counter_ends
            b066_a_counter_keeps_its_time_to_live
            b067_no_increment_is_lost
            b067_no_more_than_the_limit_is_added
            b068_counters_go_below_zero
            b068_counters_are_numbers_as_text
            b068_what_exceeds_the_limit_adds_nothing
            b069_many_values_come_in_the_order_of_their_keys
            b070_many_values_expire_as_one_does
            b071_a_held_lock_is_refused
            b071_a_waiter_gets_the_lock
            b071_a_lock_has_one_holder_at_a_time
            b072_a_lock_of_the_dead_ends
            b072_a_stranger_frees_nothing
            b072_fencing_tokens_rise
            b073_a_dropped_waiter_holds_nothing
            b074_reset_removes_its_prefix_only
            b074_a_prefix_is_no_pattern
            b078_a_swap_needs_what_was_expected
            b078_no_swap_is_lost
            b078_swapped_values_expire
            b079_damaged_records_count_as_nothing
            b080_all_of_a_key_counts
            b081_backends_of_one_store_decide_on_several_identities
            b081_backends_of_one_store_share_a_window
            b081_backends_of_one_store_share_their_limits
        }
    };
}

/// Tests all properties of a store, and returns the name of each violated property with its violation. `make`
/// creates a store for each property.
///
/// ```
/// use throttle::testkit::{Subject, store};
///
/// # async fn example<Shelf: throttle::backend::Store + Default>() {
/// let found = store::violations(|| async { Subject::new(Shelf::default()) });
/// assert!(found.await.is_empty());
/// # }
/// ```
pub async fn violations<S: Store, F>(make: impl Fn() -> F) -> Vec<(&'static str, Violation)>
where
    F: Future<Output = Subject<S>>,
{
    use super::store;
    crate::__store_properties! { __violations { make } { store } }
}

/// The time that a store with a resolution of seconds may take to remove an expired value.
const GRACE: Duration = Duration::from_millis(1_200);

/// The time between two checks.
const LOOK: Duration = Duration::from_millis(25);

impl<S: Store> Subject<S> {
    async fn is_there(&self, key: &str) -> Outcome<bool> {
        Ok(self.get().get(key).await?.is_some())
    }

    /// Returns whether a key is removed within `GRACE`.
    async fn goes(&self, key: &str) -> Outcome<bool> {
        let mut waited = Duration::ZERO;
        while self.is_there(key).await? {
            if waited > GRACE {
                return Ok(false);
            }
            self.pass(LOOK).await;
            waited += LOOK;
        }
        Ok(true)
    }
}
