//! A clock that is set back by years.

use throttle_runtime::strategy::Strategy;
use throttle_runtime::{ManualClock, Rates};

use crate::evicted::{hit, memory, strategies};

/// In microseconds.
const YEAR: u64 = 365 * 24 * 3_600 * 1_000_000;

fn admitted(strategy: &dyn Strategy, limits: &str, max_keys: usize, years: u64, flood: u32) -> usize {
    let clock = ManualClock::new();
    clock.set(56 * YEAR);
    let (memory, limits) = (memory(max_keys, &clock), limits.parse::<Rates>().expect("rates"));
    hit(&memory, "t", "a", (strategy, &limits));
    clock.set((56 - years) * YEAR);
    let mut admitted = 0;
    for round in 0..4_u32 {
        admitted += (0..10).filter(|_| hit(&memory, "t", "a", (strategy, &limits))).count();
        for client in 0..flood {
            hit(&memory, "t", (round, client), (strategy, &limits));
        }
    }
    admitted
}

#[test]
fn f03_a_clock_set_back_by_any_number_of_years_admits_as_much_as_by_two() {
    for strategy in strategies() {
        for (max_keys, flood) in [(1_000, 0), (64, 150)] {
            let as_by_two = admitted(&*strategy, "5/day", max_keys, 2, flood);
            assert!(as_by_two <= 8, "{strategy:?}: {as_by_two}");
            for years in [3, 10, 56] {
                let admitted = admitted(&*strategy, "5/day", max_keys, years, flood);
                assert!(admitted <= as_by_two, "{strategy:?} {years}: {admitted} of {as_by_two}");
            }
        }
    }
}

#[test]
fn f03_a_clock_set_forward_by_any_number_of_years_keeps_the_limit() {
    for strategy in strategies() {
        for years in [2, 8, 30] {
            let clock = ManualClock::new();
            clock.set(YEAR);
            let (memory, limits) = (memory(64, &clock), "5/day".parse::<Rates>().expect("rates"));
            clock.set((1 + years) * YEAR);
            let admitted = (0..100).filter(|_| hit(&memory, "t", "a", (&*strategy, &limits))).count();
            assert!((3..=7).contains(&admitted), "{strategy:?} {years}: {admitted}");
        }
    }
}
