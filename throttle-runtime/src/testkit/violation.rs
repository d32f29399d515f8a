//! What is wrong with a subject.

use std::error::Error;
use std::fmt;

use crate::error_chain::chain;

/// What is wrong with a subject, in a sentence.
#[derive(Clone, PartialEq, Eq)]
pub struct Violation(String);

/// Whether a property holds.
pub type Outcome<T = ()> = Result<T, Violation>;

impl Violation {
    pub(super) const fn new(sentence: String) -> Self {
        Self(sentence)
    }

    /// The same of something in particular.
    pub(super) fn of(self, what: impl fmt::Debug) -> Self {
        Self(format!("{what:?}: {}", self.0))
    }
}

/// No property lets a call fail.
impl<E: Error> From<E> for Violation {
    fn from(error: E) -> Self {
        Self(format!("a call failed: {}", chain(&error)))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ends a property with a violation unless something is true.
macro_rules! ensure {
    ($is_true:expr, $($sentence:tt)+) => {
        if !$is_true {
            return Err($crate::testkit::Violation::new(format!($($sentence)+)));
        }
    };
}
pub(super) use ensure;
