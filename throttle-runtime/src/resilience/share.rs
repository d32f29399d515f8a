//! The share of its limits that one instance may use without the primary.

use std::fmt;

use smallvec::SmallVec;

use crate::rate::Rate;

/// The share of its limits that one instance may use while only its fallback decides: one of N instances has
/// 1/N.
///
/// Each limit is rounded down to whole units, but to at least one. Therefore, N instances with a share of 1/N
/// together admit at most N × max(1, floor(limit / N)). This is at most the limit, unless the limit is below N.
///
/// Settings that a strategy has in units of its own, such as the burst of a token bucket, are not divided. In
/// the end, each instance may save up the whole burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    num: u32,
    den: u32,
}

impl Share {
    /// The whole limit: there is one instance.
    pub(crate) const WHOLE: Self = Self { num: 1, den: 1 };

    /// Creates a share of `num` of `den` equal parts.
    ///
    /// # Panics
    ///
    /// If the share is zero or more than the whole. In a constant, this is a compile-time error.
    #[track_caller]
    pub(crate) const fn new(num: u32, den: u32) -> Self {
        assert!(num > 0, "a share of nothing denies everybody: write `share(1, 3)` for a third");
        assert!(num <= den, "a share is at most the whole: write `share(1, 3)` for a third");
        Self { num, den }
    }

    pub(crate) const fn is_whole(self) -> bool {
        self.num == self.den
    }

    /// Returns the limits of one instance. Unlimited rates stay unlimited.
    pub(crate) fn of(self, rates: &[Rate]) -> SmallVec<[Rate; 2]> {
        rates.iter().map(|rate| self.of_rate(*rate)).collect()
    }

    fn of_rate(self, rate: Rate) -> Rate {
        if rate.is_unlimited() { rate } else { rate.with_limit(self.of_units(rate.limit()).max(1)) }
    }

    /// Returns the concurrency limit of one instance.
    pub(crate) fn of_permits(self, limit: u32) -> u32 {
        // A share is at most the whole, so the result fits.
        u32::try_from(self.of_units(limit.into()).max(1)).unwrap_or(limit).min(limit)
    }

    /// Returns the share of `units`, rounded down.
    pub(crate) fn of_units(self, units: u64) -> u64 {
        let part = u128::from(units) * u128::from(self.num) / u128::from(self.den);
        // A share is at most the whole, so the result fits.
        u64::try_from(part).unwrap_or(units)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}
