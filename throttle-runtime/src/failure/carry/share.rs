//! Which part of its limits one instance may use by itself.

use std::fmt;

use smallvec::SmallVec;

use crate::Rate;

/// Which part of its limits one instance may use while it is alone with its fallback: one of how many instances.
///
/// Each limit is rounded down to whole units, but never to none. So N instances with a share of 1/N admit at most
/// N × max(1, floor(limit / N)) together: the limit, unless it is below N.
///
/// What a strategy says in units of its own, such as the burst of a token bucket, is not divided: in the end each
/// instance may save up all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    num: u32,
    den: u32,
}

impl Share {
    /// All of it: there is one instance.
    pub(crate) const WHOLE: Self = Self { num: 1, den: 1 };

    /// `num` of `den` equal parts.
    ///
    /// # Panics
    ///
    /// If it is nothing or more than the whole: at compile time in a constant.
    #[track_caller]
    pub(crate) const fn new(num: u32, den: u32) -> Self {
        assert!(num > 0, "a share of nothing denies everybody: write `share(1, 3)` for a third");
        assert!(num <= den, "a share is at most the whole: write `share(1, 3)` for a third");
        Self { num, den }
    }

    pub(crate) const fn is_whole(self) -> bool {
        self.num == self.den
    }

    /// The limits of one instance. What is unlimited stays so.
    pub(crate) fn of(self, rates: &[Rate]) -> SmallVec<[Rate; 2]> {
        rates.iter().map(|rate| self.of_rate(*rate)).collect()
    }

    fn of_rate(self, rate: Rate) -> Rate {
        if rate.is_unlimited() { rate } else { rate.with_limit(self.of_units(rate.limit()).max(1)) }
    }

    /// The places of one instance.
    pub(crate) fn of_places(self, limit: u32) -> u32 {
        // A share is at most the whole.
        u32::try_from(self.of_units(limit.into()).max(1)).unwrap_or(limit).min(limit)
    }

    /// So many units, rounded down.
    pub(super) fn of_units(self, units: u64) -> u64 {
        let part = u128::from(units) * u128::from(self.num) / u128::from(self.den);
        // A share is at most the whole.
        u64::try_from(part).unwrap_or(units)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}
