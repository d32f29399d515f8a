//! The kit finds no violation in correct subjects: the memory backend, and dictionaries of both kinds.

mod dict;
mod small;

use dict::Dict;
use small::{Compares, Locks};
use throttle_runtime::ManualClock;
use throttle_runtime::backend::Memory;
use throttle_runtime::testkit::{Subject, conformance};

fn dict<const COMPARES: bool, const COUNTS: bool>() -> Subject<Dict<COMPARES, COUNTS>> {
    let clock = ManualClock::new();
    Subject::new(Dict::at(&clock)).clock(clock)
}

conformance!(locks, store: || async { dict::<false, false>() });
conformance!(locks_and_counters, store: || async { dict::<false, true>() });
conformance!(compare_and_set, store: || async { dict::<true, false>() });
conformance!(compare_and_set_and_counters, store: || async { dict::<true, true>() });
conformance!(smallest_with_locks, store: || async {
    let clock = ManualClock::new();
    Subject::new(Locks::at(&clock)).clock(clock)
});
conformance!(smallest_with_compare_and_set, store: || async {
    let clock = ManualClock::new();
    Subject::new(Compares::at(&clock)).clock(clock)
});

conformance!(memory, backend: || async {
    let clock = ManualClock::new();
    Subject::new(Memory::builder().clock(clock.clone()).build()).clock(clock)
});

// With the time of the machine, which passes by itself.
conformance!(memory_in_real_time, backend: || async { Subject::new(Memory::new()) });
