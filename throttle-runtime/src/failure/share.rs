//! The part of a limit that one of several instances may give.

use std::fmt;

use crate::Rates;

/// So many of so many parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    part: u32,
    of: u32,
}

impl Share {
    pub(crate) const WHOLE: Self = Self { part: 1, of: 1 };

    #[track_caller]
    pub(crate) const fn new(part: u32, of: u32) -> Self {
        assert!(part > 0, "a share of nothing denies everybody: write `share(1, 3)` for a third");
        assert!(part <= of, "a share is at most the whole: write `share(1, 3)` for a third");
        Self { part, of }
    }
}

impl Share {
    /// That part of each limit, rounded down, but at least a unit.
    pub(crate) fn of(self, rates: &Rates) -> Rates {
        let (part, of) = (u128::from(self.part), u128::from(self.of));
        // A part of the whole fits where the whole did.
        rates.with_limits(|limit| u64::try_from(u128::from(limit) * part / of).unwrap_or(limit).max(1))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}
