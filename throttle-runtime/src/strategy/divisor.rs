//! Division by a number that is known in advance, as a multiplication (T. Granlund, P. Montgomery: Division
//! by invariant integers using multiplication, 1994, theorem 4.2 for 63 bits).

/// Divides numbers below 2^63.
#[derive(Debug, Clone, Copy)]
pub struct Divisor {
    by: u64,
    /// 2^(63 + shift) / by, rounded up. It is below 2^64, because `by` is above 2^(shift - 1).
    factor: u64,
    /// The smallest shift for which 2^shift is at least `by`.
    shift: u32,
}

impl Divisor {
    /// Returns `None` for 0, and for numbers above 2^63.
    pub(crate) const fn new(by: u64) -> Option<Self> {
        if by == 0 || by > 1 << 63 {
            return None;
        }
        let shift = by.next_power_of_two().trailing_zeros();
        #[expect(clippy::cast_possible_truncation, reason = "below 2^64")]
        let factor = (1_u128 << (63 + shift)).div_ceil(by as u128) as u64;
        Some(Self { by, factor, shift })
    }

    /// Returns the quotient and the remainder.
    #[inline]
    pub(crate) const fn divide(self, number: u64) -> (u64, u64) {
        let quotient = ((self.factor as u128 * (number << 1) as u128) >> 64) as u64 >> self.shift;
        (quotient, number - quotient * self.by)
    }
}

#[cfg(test)]
mod tests {
    use super::Divisor;
    use proptest::prelude::{prop_assert_eq, proptest};

    fn check(by: u64, number: u64) -> bool {
        Divisor::new(by).is_none_or(|divisor| divisor.divide(number) == (number / by, number % by))
    }

    #[test]
    fn divides_at_the_edges() {
        let edges = |bits: u32| (0..3).map(move |step| (1_u64 << bits).wrapping_sub(1).wrapping_add(step));
        for by in (0..64).flat_map(edges) {
            assert_eq!(Divisor::new(by).is_none(), by == 0 || by > 1 << 63, "{by}");
            for number in (0..63).flat_map(edges).filter(|number| number >> 63 == 0) {
                assert!(check(by, number), "{number} / {by}");
                assert!(check(by, number - number % by.max(1)), "{number} less its rest / {by}");
            }
        }
    }

    proptest! {
        #[test]
        fn divides_like_the_machine(by: u64, by_shift in 0..64_u32, number: u64, shift in 1..64_u32) {
            let (by, number) = (by >> by_shift, number >> shift);
            let multiple = if by == 0 { 0 } else { number - number % by };
            prop_assert_eq!([check(by, number), check(by, multiple), check(by, multiple.saturating_sub(1))], [true; 3]);
        }
    }
}
