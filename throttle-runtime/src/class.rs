//! Classes of callers.

use std::fmt;

/// The class of the caller of a request: a tier such as `premium`, or a priority.
///
/// The throttle's `class` setting determines it, and strategies such as `TieredRate` and `PriorityQueue` use
/// it. A name has up to 15 bytes. Longer names all become one class that no strategy can name. A
/// client-supplied name that is too long is therefore treated as unknown.
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
    /// No class: the class of a request for which no class is set.
    pub const NONE: Self = Self { name: [0; Self::MAX], len: 0 };

    /// The maximum length of a name, in bytes.
    pub const MAX: usize = 15;

    const UNKNOWN: Self = Self { name: [0; Self::MAX], len: u8::MAX };

    /// Creates the class of that name.
    ///
    /// # Panics
    ///
    /// If the name is longer than [`MAX`](Self::MAX) bytes. In a constant, this is a compile error.
    #[track_caller]
    pub const fn new(name: &str) -> Self {
        assert!(name.len() <= Self::MAX, "the name of a class has at most 15 bytes");
        Self::of(name.as_bytes())
    }

    /// Returns the name. It is empty if the class has no name, or if the name was too long.
    pub fn name(&self) -> &str {
        let bytes = self.name.get(..self.len.into()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Returns whether both classes are equal: `==` for constants.
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
