//! Multiples of the limit.

use std::fmt;

/// A multiple of the limit: a whole number or an exact ratio of two numbers.
///
/// The resulting limit is rounded down to whole units, but is at least 1.
///
/// ```
/// use throttle::strategy::Multiplier;
///
/// assert_eq!(Multiplier::new(5).of_limit(10), 50);
/// assert_eq!(Multiplier::ratio(3, 2).of_limit(7), 10);
/// assert_eq!(Multiplier::ratio(1, 10).of_limit(3), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Multiplier {
    numerator: u32,
    denominator: u32,
}

impl Multiplier {
    /// The limit itself.
    pub const ONE: Self = Self::new(1);

    /// Creates the multiple `times` × limit.
    ///
    /// # Panics
    ///
    /// If `times` is 0. In a constant, this is a compile error.
    #[track_caller]
    pub const fn new(times: u32) -> Self {
        Self::ratio(times, 1)
    }

    /// Creates the multiple `numerator / denominator` × limit: `ratio(3, 2)` is one and a half times the
    /// limit.
    ///
    /// # Panics
    ///
    /// If `numerator` or `denominator` is 0. In a constant, this is a compile error.
    #[track_caller]
    pub const fn ratio(numerator: u32, denominator: u32) -> Self {
        assert!(numerator > 0 && denominator > 0, "a multiple of the limit is above 0: write at least 1");
        Self { numerator, denominator }
    }

    /// Returns the greatest of several multiples.
    #[cfg(feature = "time-zones")]
    pub(super) const fn greatest(all: &[Self]) -> Self {
        let (mut greatest, mut at) = (all[0], 1);
        while at < all.len() {
            let (one, other) = (all[at], greatest);
            // Compares the fractions over the product of both denominators.
            if one.numerator as u64 * other.denominator as u64
                > other.numerator as u64 * one.denominator as u64
            {
                greatest = one;
            }
            at += 1;
        }
        greatest
    }

    /// Returns this multiple of `limit` in whole units, at least 1.
    pub const fn of_limit(self, limit: u64) -> u64 {
        let (times, denominator) = (self.numerator as u64, self.denominator as u64);
        let units = match limit.checked_mul(times) {
            Some(units) if denominator == 1 => units,
            Some(units) => units / denominator,
            None => {
                let units = limit as u128 * times as u128 / denominator as u128;
                #[expect(clippy::cast_possible_truncation, reason = "checked")]
                if units > u64::MAX as u128 { u64::MAX } else { units as u64 }
            }
        };
        if units == 0 { 1 } else { units }
    }
}

impl fmt::Debug for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}
