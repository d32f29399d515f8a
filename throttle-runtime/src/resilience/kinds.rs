//! Sets of error kinds, alone because retries and fallbacks both have one.

use crate::error::ErrorKind;

/// A set of [`ErrorKind`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// All kinds of errors of a store. An error of a function of the application is not among them, because
    /// another store would receive the same error.
    pub(crate) const STORE: Self =
        Self::of(&[ErrorKind::Connection, ErrorKind::Timeout, ErrorKind::Store, ErrorKind::Closed]);

    pub(crate) const fn of(kinds: &[ErrorKind]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < kinds.len() {
            bits |= Self::bit(kinds[index]);
            index += 1;
        }
        Self(bits)
    }

    pub(crate) const fn has(self, kind: ErrorKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    const fn bit(kind: ErrorKind) -> u8 {
        1 << kind as u8
    }
}
