//! Violations of properties.

use std::error::Error;
use std::fmt;

use crate::error::chain::chain;

/// A sentence that describes what is wrong with a subject.
///
/// ```
/// use throttle::testkit::Violation;
/// use throttle::{BackendError, ErrorKind};
///
/// let error = BackendError::new(ErrorKind::Timeout, "no reply");
/// assert_eq!(Violation::from(error).to_string(), "a call failed: no reply");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Violation(String);

/// The result of a property: an error if the subject violates the property, or if one of its calls fails.
///
/// ```
/// use throttle::backend::Memory;
/// use throttle::testkit::{Outcome, Subject, backend};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Outcome {
/// let subject = Subject::new(Memory::new());
/// backend::an_identity_pays_twice(&subject).await
/// # }
/// ```
pub type Outcome<T = ()> = Result<T, Violation>;

impl Violation {
    pub(super) const fn new(sentence: String) -> Self {
        Self(sentence)
    }

    /// Adds the item to which the violation applies.
    pub(super) fn of(self, what: impl fmt::Debug) -> Self {
        Self(format!("{what:?}: {}", self.0))
    }
}

/// A call that fails violates every property.
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

/// Ends a property with a violation unless the condition is true.
macro_rules! ensure {
    ($is_true:expr, $($sentence:tt)+) => {
        if !$is_true {
            return Err($crate::testkit::Violation::new(format!($($sentence)+)));
        }
    };
}
pub(super) use ensure;
