//! The units of an aligned window as one number, so that a store can add to it in one step.
//!
//! The number is decimal text. While a decision on several identities holds the counter, the number includes
//! a gate: a bit that makes it larger than every limit, and the time at which the hold ends. The store
//! therefore rejects increments meanwhile, and the next decision can remove the gate of a holder that has
//! died.

use super::record::Hold;

/// The greatest limit of a counter. Windows with greater limits are stored as records.
pub(super) const MOST: u64 = 1 << 40;

/// The shortest period, in microseconds: a window must last longer than a few calls.
pub(super) const SHORTEST: u64 = 1_000_000;

/// The bits of the units. The bits above them are the gate.
pub(super) const UNITS: i64 = (1 << 41) - 1;

const GATE: i64 = 1 << 61;

/// The end of a hold is a number of tenths of a second. A gate stores its lowest bits.
const TENTH: u64 = 100_000;
const TENTHS: u64 = 1 << 20;

/// Returns the gate of a hold until that time.
pub(super) fn gate(until: u64) -> i64 {
    let tenth = until.div_ceil(TENTH) % TENTHS;
    GATE | i64::try_from(tenth).unwrap_or_default() << 41
}

/// Returns the gate of a number, which is 0 if the number is not held.
pub(super) const fn gate_of(number: i64) -> i64 {
    if number >= GATE { number & !UNITS } else { 0 }
}

pub(super) fn units_of(number: i64) -> u64 {
    u64::try_from(number - gate_of(number)).unwrap_or_default()
}

/// Returns the hold on a counter. Its end comes from the gate.
pub(super) fn hold_of(number: i64, now: u64) -> Option<Hold> {
    let tenth = u64::try_from(gate_of(number).checked_sub(GATE)? >> 41).ok()?;
    let ahead = (tenth + TENTHS - now / TENTH % TENTHS) % TENTHS;
    // A greater distance than the longest hold means a time in the past.
    let until = if ahead < TENTHS / 2 { (now / TENTH + ahead).saturating_mul(TENTH) } else { 0 };
    Some(Hold { token: 0, until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_gate_keeps_the_units_and_the_end(units in 0..=2 * MOST - 1, now in 0..u64::MAX / 2, lasts in 1..59_900_000_u64) {
            let number = units.cast_signed() + gate(now + lasts);
            prop_assert!(number > 2 * MOST.cast_signed());
            prop_assert_eq!(units_of(number), units);
            prop_assert_eq!(number - gate_of(number), units.cast_signed());
            let hold = hold_of(number, now).expect("held");
            prop_assert!(hold.is_live(now));
            prop_assert!((now + lasts..now + lasts + TENTH).contains(&hold.until));
            prop_assert!(!hold_of(number, hold.until).expect("held").is_live(hold.until));
            prop_assert!(!hold_of(number, now + 3_600_000_000).expect("held").is_live(now + 3_600_000_000));
        }

        #[test]
        fn a_number_without_a_gate_is_held_by_nobody(number in i64::MIN..GATE, now: u64) {
            prop_assert_eq!(hold_of(number, now), None);
            prop_assert_eq!(units_of(number), u64::try_from(number).unwrap_or_default());
        }
    }
}
