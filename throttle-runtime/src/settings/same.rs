//! Whether two settings are the same, so that what was settled by the one serves for the other.

use std::ptr;
use std::time::Duration;

use super::Shared;
use crate::Networks;
use crate::http::Headers;
use crate::plug::{Ask, Judge, Role};
use crate::rule::Asked;
use crate::strategy::Strategy;

/// Whether two settings are the same for certain: where nobody can tell they are not.
pub(crate) trait Same {
    fn same(&self, other: &Self) -> bool;
}

impl<R: Role> Same for Shared<dyn Ask<R>> {
    fn same(&self, other: &Self) -> bool {
        match (self.function(), other.function()) {
            (Some(one), Some(other)) => one == other,
            (None, None) if is_told(&**self) && is_told(&**other) => self.describe() == other.describe(),
            (None, None) => ptr::addr_eq(&raw const **self, &raw const **other),
            _ => false,
        }
    }
}

/// Whether the text of a setting says all of it: that of a closure does not say what it has captured, and that of a
/// breaker not which one it is.
fn is_told<R: Role>(setting: &dyn Ask<R>) -> bool {
    setting.value().is_some() && setting.recovery().is_none()
}

impl Same for Shared<dyn Strategy> {
    fn same(&self, other: &Self) -> bool {
        // What has no content is its type; all that is known of others is where they are.
        self.kind() == other.kind()
            && (size_of_val(&**self) == 0 || ptr::addr_eq(&raw const **self, &raw const **other))
    }
}

impl Same for Asked {
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

impl Same for Shared<dyn Judge> {
    fn same(&self, other: &Self) -> bool {
        // What has no content is its type, as a function is; all that is known of others is where they are.
        self.function() == other.function()
            && (size_of_val(&**self) == 0 || ptr::addr_eq(&raw const **self, &raw const **other))
    }
}

/// Both or neither are said.
impl<T: Same> Same for Option<T> {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.same(other),
            (None, None) => true,
            _ => false,
        }
    }
}
