//! What kind of caller a request comes from.

use std::fmt;

/// What kind of caller a request comes from: a tier such as `premium`, or a priority.
///
/// The throttle's `class` setting says it, and the strategies that know classes go by it. A name has up to 15
/// bytes; a longer one is a class of its own that no strategy can name, so whatever an application passes on
/// from its clients is no more than unknown.
///
/// ```
/// use throttle::strategy::Class;
///
/// const PREMIUM: Class = Class::new("premium");
/// assert_eq!(Class::from(String::from("premium")), PREMIUM);
/// assert_eq!(PREMIUM.name(), "premium");
/// assert_eq!(Class::NONE.name(), "");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class {
    name: [u8; Self::MAX],
    len: u8,
}

impl Class {
    /// No class: what a request without one has.
    pub const NONE: Self = Self { name: [0; Self::MAX], len: 0 };

    /// The most bytes of a name.
    pub const MAX: usize = 15;

    const UNKNOWN: Self = Self { name: [0; Self::MAX], len: u8::MAX };

    /// The class of that name.
    ///
    /// # Panics
    ///
    /// If the name is longer than [`MAX`](Self::MAX) bytes: at compile time in a constant.
    #[track_caller]
    pub const fn new(name: &str) -> Self {
        assert!(name.len() <= Self::MAX, "the name of a class has at most 15 bytes");
        Self::of(name.as_bytes())
    }

    /// The name; empty if there is none or it was too long.
    pub fn name(&self) -> &str {
        let bytes = self.name.get(..self.len.into()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether that is the same class: `==`, for constants.
    pub(super) const fn is(self, other: Self) -> bool {
        let mut at = 0;
        while at < Self::MAX && self.name[at] == other.name[at] {
            at += 1;
        }
        at == Self::MAX && self.len == other.len
    }

    const fn of(name: &[u8]) -> Self {
        if name.len() > Self::MAX {
            return Self::UNKNOWN;
        }
        let mut class = Self::NONE;
        while (class.len as usize) < name.len() {
            class.name[class.len as usize] = name[class.len as usize];
            class.len += 1;
        }
        class
    }
}

impl Default for Class {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<&str> for Class {
    fn from(name: &str) -> Self {
        Self::of(name.as_bytes())
    }
}

impl From<String> for Class {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Class({self})")
    }
}
