//! Many threads concurrently.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;

use super::*;
use crate::resilience::circuit_breaker::Transition;

#[test]
fn b054_of_a_hundred_that_arrive_together_one_probes() {
    for _ in 0..20 {
        let (breaker, clock) = opened();
        clock.advance(WAIT);
        let (start, end) = (Barrier::new(100), Barrier::new(100));
        let probes = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    start.wait();
                    let entry = breaker.enter();
                    match &entry {
                        Entry::Probe(_) => _ = probes.fetch_add(1, Ordering::Relaxed),
                        Entry::Refused => {}
                        Entry::Pass(_) => panic!("it is not closed"),
                    }
                    // The probe is in progress until all threads have called `enter`.
                    end.wait();
                });
            }
        });
        assert_eq!(probes.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn b052_failures_of_many_threads_open_it_once() {
    for _ in 0..20 {
        let breaker = live(SETTINGS.failure_threshold(64), &ManualClock::new());
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    (0..8).for_each(|_| fail(&breaker));
                });
            }
        });
        let info = breaker.snapshot();
        assert_eq!((info.state, info.failures), (State::Open, 64));
    }
}

static CHANGES: Mutex<Vec<Transition>> = Mutex::new(Vec::new());

fn keep(change: &Transition) {
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner).push(change.clone());
}

/// One thread of the storm, with actions that depend on its seed. Only admitted requests count: while the
/// scheduler suspends the thread of a probe, all other requests are rejected.
fn rage(breaker: &Breaker, clock: &ManualClock, probing: &AtomicUsize, seed: u64) {
    let mut random = seed;
    let mut entered = 0;
    while entered < 1_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let info = breaker.snapshot();
        if let (Some(from), Some(to)) = (info.opened_at, info.next_attempt) {
            assert_eq!(to.duration_since(from).ok(), Some(WAIT), "info of two openings");
        }
        let (permit, is_probe) = match breaker.enter() {
            Entry::Refused => {
                clock.advance(WAIT / 8);
                thread::yield_now();
                continue;
            }
            Entry::Pass(permit) => (permit, false),
            Entry::Probe(permit) => (permit, true),
        };
        entered += 1;
        if is_probe {
            assert_eq!(probing.fetch_add(1, Ordering::SeqCst), 0, "two probes at once");
            thread::yield_now();
            probing.fetch_sub(1, Ordering::SeqCst);
        }
        match random >> 61 {
            0..=3 => permit.failed(),
            4..=6 => permit.succeeded(),
            _ => drop(permit),
        }
    }
}

/// Asserts that no step from the first state to the last is missing or reported twice.
fn assert_whole(changes: &[Transition], last: State) {
    for state in [State::Closed, State::Open, State::HalfOpen] {
        let entered = changes.iter().filter(|change| change.to == state).count();
        let left = changes.iter().filter(|change| change.from == state).count();
        let (first, last) = (usize::from(state == State::Closed), usize::from(state == last));
        assert_eq!(entered + first, left + last, "{state}");
    }
}

#[test]
fn b054_there_are_never_two_probes_at_once() {
    let clock = ManualClock::new();
    let breaker = live(SETTINGS.on_transition(keep), &clock);
    let probing = AtomicUsize::new(0);
    thread::scope(|scope| {
        for seed in 0..8 {
            let (breaker, clock, probing) = (&breaker, &clock, &probing);
            scope.spawn(move || rage(breaker, clock, probing, seed));
        }
    });
    let changes = std::mem::take(&mut *CHANGES.lock().unwrap_or_else(PoisonError::into_inner));
    assert!(changes.len() > 100, "{} changes are no storm", changes.len());
    assert_whole(&changes, state(&breaker));
    // No leftover state keeps the breaker from closing.
    clock.advance(WAIT);
    for _ in 0..2 {
        match breaker.enter() {
            Entry::Pass(permit) | Entry::Probe(permit) => permit.succeeded(),
            Entry::Refused => panic!("a place was lost"),
        }
    }
    assert_eq!(state(&breaker), State::Closed);
}
