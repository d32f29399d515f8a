//! The bound in bytes.

use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memory, MemoryBuilder};
use throttle_runtime::strategy::{FixedWindow, PriorityQueue, SlidingWindowLog, Strategy};
use throttle_runtime::{Key, ManualClock, Rates};

use crate::evicted::{hit, strategies};

fn rates(rates: &str) -> Rates {
    rates.parse().expect("rates")
}

fn build(clock: &ManualClock, set: impl FnOnce(MemoryBuilder) -> MemoryBuilder) -> Memory {
    set(Memory::builder()).clock(clock.clone()).build()
}

#[test]
fn f02_a_state_takes_at_most_40_bytes_and_its_sketch_48() {
    const KEYS: u32 = 500_000;
    let clock = ManualClock::new();
    let limits = rates("10/day");
    let memory = build(&clock, |memory| memory.max_keys(KEYS as usize));
    for key in 0..KEYS {
        hit(&memory, "t", key, (&FixedWindow, &limits));
    }
    assert_eq!(memory.evictions(), 0);
    let states = memory.bytes();
    assert!(states <= 40 * KEYS as usize, "{states}");
    for key in KEYS..KEYS + 20_000 {
        hit(&memory, "t", key, (&FixedWindow, &limits));
    }
    assert_eq!((memory.len(), memory.evictions()), (KEYS as usize, 20_000));
    let sketches = memory.bytes() - states;
    assert!(sketches <= 48 * KEYS as usize, "{sketches}");
}

/// The lists of known clients grow, too, and not only the number of clients.
#[test]
fn f02_states_with_lists_stay_within_the_bound_in_bytes() {
    for strategy in [&SlidingWindowLog as &dyn Strategy, &PriorityQueue::new()] {
        let clock = ManualClock::new();
        let memory = build(&clock, |memory| memory.max_keys(1_000).max_bytes(1 << 20));
        let limits = rates("1000/day");
        for round in 0..400_u32 {
            for client in 0..100_u32 {
                clock.advance(Duration::from_micros(10));
                hit(&memory, "t", client, (strategy, &limits));
                assert!(memory.bytes() <= 1 << 20, "{strategy:?}: {} at {round}", memory.bytes());
            }
        }
        assert!(memory.evictions() > 0, "{strategy:?}");
        assert!(memory.len() >= 50, "{strategy:?}: {}", memory.len());
    }
}

/// A client whose list was evicted is admitted what is left, and no more.
#[test]
fn f01_clients_whose_lists_are_evicted_get_no_more_than_their_limit() {
    for strategy in [&SlidingWindowLog as &dyn Strategy, &PriorityQueue::new()] {
        let clock = ManualClock::new();
        let memory = build(&clock, |memory| memory.max_keys(10_000).max_bytes(1 << 20));
        let limits = rates("400/hour");
        let mut admitted = [0; 120];
        for round in 0..600_u32 {
            for (client, admitted) in (0_u32..).zip(&mut admitted) {
                clock.advance(Duration::from_micros(u64::from(client + round) % 7));
                *admitted += u32::from(hit(&memory, "t", client, (strategy, &limits)));
            }
        }
        assert!(memory.evictions() > 50, "{strategy:?}: {}", memory.evictions());
        assert!(admitted.iter().all(|admitted| *admitted == 400), "{strategy:?}: {admitted:?}");
        clock.advance(Duration::from_secs(3600 + 3600 / 8 + 1));
        assert!((0..120_u32).all(|client| hit(&memory, "t", client, (strategy, &limits))), "{strategy:?}");
    }
}

#[test]
fn f02_every_strategy_stays_within_the_bound_in_bytes_with_resets() {
    const BOUND: usize = 1 << 20;
    for strategy in strategies() {
        let clock = ManualClock::new();
        let memory = build(&clock, |memory| memory.max_keys(300).max_bytes(BOUND));
        let limits = rates("9/min, 30/hour, 1000/day");
        for client in 0..2_000_u32 {
            clock.advance(Duration::from_micros(500));
            let key = Key::from(client % 900);
            hit(&memory, "t", key, (&*strategy, &limits));
            if client % 3 == 0 {
                let key = Key::from((client / 2) % 900);
                let reset = [Charge::new("t", &key, &*strategy, &limits, 1)];
                memory.forget(&reset).ready().expect("at once").expect("forgotten");
            }
            assert!(memory.bytes() <= BOUND, "{strategy:?}: {} after {client}", memory.bytes());
        }
        assert!(memory.evictions() > 0, "{strategy:?}");
    }
}

/// Without any list: more states than fit are evicted, however many keys are permitted.
#[test]
fn f02_pages_stay_within_the_bound_in_bytes() {
    let clock = ManualClock::new();
    let memory = build(&clock, |memory| memory.max_keys(usize::MAX).max_bytes(1 << 20));
    let limits = rates("10/day");
    for client in 0..40_000_u32 {
        hit(&memory, "t", client, (&FixedWindow, &limits));
        assert!(memory.bytes() <= 1 << 20, "{} after {client}", memory.bytes());
    }
    assert!(memory.len() > 15_000, "{}", memory.len());
    assert!(memory.evictions() > 15_000, "{}", memory.evictions());
}
