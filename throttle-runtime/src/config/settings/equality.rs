//! Comparison of settings, so that a policy that was resolved from one can be reused for the other.
//!
//! Functions are compared by identity, values such as rates by their contents, and other values by type or by
//! address.

use std::ptr;
use std::time::Duration;

use crate::config::network::Networks;
use crate::config::resolver::{ChargePredicate, Resolver, Role};
use crate::http::Headers;
use crate::strategy::Strategy;
use crate::util::shared::Shared;

/// Whether two settings are certainly the same. If this cannot be determined, they count as different.
pub(crate) trait Same {
    fn same(&self, other: &Self) -> bool;
}

impl<R: Role> Same for Shared<dyn Resolver<R>> {
    fn same(&self, other: &Self) -> bool {
        match (self.function(), other.function()) {
            (Some(one), Some(other)) => one == other,
            (None, None) if is_described(&**self) && is_described(&**other) => {
                self.describe() == other.describe()
            }
            (None, None) => ptr::addr_eq(&raw const **self, &raw const **other),
            _ => false,
        }
    }
}

/// Returns whether the text of a setting describes all of it. The text of a closure does not include its
/// captures, and the text of a breaker does not identify the breaker.
fn is_described<R: Role>(setting: &dyn Resolver<R>) -> bool {
    setting.value().is_some() && setting.recovery().is_none()
}

impl Same for Shared<dyn Strategy> {
    fn same(&self, other: &Self) -> bool {
        // A value without content is identified by its type. Any other value is identified by its address.
        self.kind() == other.kind()
            && (size_of_val(&**self) == 0 || ptr::addr_eq(&raw const **self, &raw const **other))
    }
}

/// Rules.
impl<R: Role> Same for Shared<[Shared<dyn Resolver<R>>]> {
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(one, other)| one.same(other))
    }
}

macro_rules! values {
    ($($type:ty),*) => { $(
        impl Same for $type {
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
    )* };
}

values!(Headers, Networks, bool, u32, Duration, Shared<str>);

impl Same for Shared<dyn ChargePredicate> {
    fn same(&self, other: &Self) -> bool {
        // A value without content, such as a function, is identified by its type. Any other value is identified
        // by its address.
        self.function() == other.function()
            && (size_of_val(&**self) == 0 || ptr::addr_eq(&raw const **self, &raw const **other))
    }
}

/// Both are set and the same, or neither is set.
impl<T: Same> Same for Option<T> {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.same(other),
            (None, None) => true,
            _ => false,
        }
    }
}
