//! The kit finds nothing wrong with what is good: the memory backend, and dictionaries of both kinds.

mod dict;

use dict::Dict;
use throttle_runtime::ManualClock;
use throttle_runtime::backend::Memory;
use throttle_runtime::testkit::{Subject, conformance};

fn dict<const COMPARES: bool>() -> Subject<Dict<COMPARES>> {
    let clock = ManualClock::new();
    Subject::new(Dict::at(&clock)).clock(clock)
}

conformance!(required_methods_only, store: || async { dict::<false>() });
conformance!(compare_and_set, store: || async { dict::<true>() });

conformance!(memory, backend: || async {
    let clock = ManualClock::new();
    Subject::new(Memory::builder().clock(clock.clone()).build()).clock(clock)
});

// By the time of the machine, which passes by itself.
conformance!(memory_in_real_time, backend: || async { Subject::new(Memory::new()) });
