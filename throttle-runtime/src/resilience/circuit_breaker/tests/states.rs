//! Transitions between closed, open and half-open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use super::*;

/// One microsecond less than the recovery time.
const ALMOST: Duration = Duration::from_micros(29_999_999);

#[test]
fn b052_failures_in_a_row_open_it() {
    let (breaker, _) = breaker();
    fail(&breaker);
    assert_eq!((state(&breaker), breaker.snapshot().failures), (State::Closed, 1));
    fail(&breaker);
    assert_eq!(state(&breaker), State::Open);
    assert!(is_refused(&breaker));
}

#[test]
fn b052_a_success_between_forgets_failures() {
    let (breaker, _) = breaker();
    for _ in 0..5 {
        fail(&breaker);
        pass(&breaker).succeeded();
        assert_eq!((state(&breaker), breaker.snapshot().failures), (State::Closed, 0));
    }
}

#[test]
fn b052_one_failure_can_be_enough() {
    let breaker = live(CircuitBreaker::new().failure_threshold(1), &ManualClock::new());
    fail(&breaker);
    assert_eq!(state(&breaker), State::Open);
}

#[test]
fn it_is_open_for_the_recovery_time_to_the_microsecond() {
    let (breaker, clock) = opened();
    clock.advance(ALMOST);
    assert!(is_refused(&breaker));
    clock.advance(Duration::from_micros(1));
    let _probe = probe(&breaker);
    assert_eq!(state(&breaker), State::HalfOpen);
}

#[test]
fn b054_probes_are_one_at_a_time() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    let first = probe(&breaker);
    assert!(is_refused(&breaker));
    first.succeeded();
    // The next probe follows immediately, and is again the only one.
    let second = probe(&breaker);
    assert!(is_refused(&breaker));
    second.succeeded();
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn b055_enough_successes_close_it_and_zero_the_counters() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    let info = breaker.snapshot();
    assert_eq!((info.state, info.successes, info.failures), (State::HalfOpen, 1, 2));
    probe(&breaker).succeeded();
    let info = breaker.snapshot();
    assert_eq!((info.state, info.successes, info.failures), (State::Closed, 0, 0));
    fail(&breaker);
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn b055_successes_of_an_earlier_half_open_time_do_not_count() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    probe(&breaker).failed();
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    assert_eq!((state(&breaker), breaker.snapshot().successes), (State::HalfOpen, 1));
}

#[test]
fn b056_a_failing_probe_restarts_the_timer() {
    let (breaker, clock) = opened();
    clock.advance(WAIT + SECOND);
    probe(&breaker).failed();
    let info = breaker.snapshot();
    assert_eq!((info.state, info.failures), (State::Open, 3));
    assert_eq!((info.opened_at, info.next_attempt), (Some(now(&clock)), Some(now(&clock) + WAIT)));
    clock.advance(ALMOST);
    assert!(is_refused(&breaker));
    clock.advance(Duration::from_micros(1));
    let _probe = probe(&breaker);
}

#[test]
fn b057_a_dropped_probe_frees_its_place_and_counts_as_nothing() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    for _ in 0..3 {
        drop(probe(&breaker));
        assert_eq!((state(&breaker), breaker.snapshot().successes), (State::HalfOpen, 1));
    }
    probe(&breaker).succeeded();
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn b057_a_panicking_probe_frees_its_place() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _probe = probe(&breaker);
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    probe(&breaker).succeeded();
    assert_eq!(breaker.snapshot().successes, 1);
}

#[test]
fn b057_a_cancelled_task_frees_the_place() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    let permit = probe(&breaker).into_owned();
    let task = async move {
        std::future::pending::<()>().await;
        permit.succeeded();
    };
    assert!(is_refused(&breaker));
    drop(task);
    let _probe = probe(&breaker);
}

/// A probe that ends late does not free the probe permit of another request.
#[test]
fn a_place_is_given_back_once() {
    let (breaker, clock) = opened();
    clock.advance(WAIT);
    let old = probe(&breaker);
    breaker.force_close();
    fail(&breaker);
    fail(&breaker);
    clock.advance(WAIT);
    let _young = probe(&breaker);
    drop(old);
    assert!(is_refused(&breaker));
}

#[test]
fn b059_info_of_each_state() {
    let (breaker, clock) = breaker();
    let info = breaker.snapshot();
    assert_eq!((info.state.name(), info.failures, info.successes), ("closed", 0, 0));
    assert_eq!((info.opened_at, info.next_attempt), (None, None));
    fail(&breaker);
    fail(&breaker);
    let (opened, info) = (now(&clock), breaker.snapshot());
    assert_eq!((info.state.name(), info.failures, info.successes), ("open", 2, 0));
    assert_eq!((info.opened_at, info.next_attempt), (Some(opened), Some(opened + WAIT)));
    clock.advance(WAIT);
    assert_eq!(state(&breaker).name(), "open");
    probe(&breaker).succeeded();
    let info = breaker.snapshot();
    assert_eq!((info.state.name(), info.failures, info.successes), ("half_open", 2, 1));
    assert_eq!((info.opened_at, info.next_attempt), (Some(opened), None));
    probe(&breaker).succeeded();
    assert_eq!((breaker.snapshot().opened_at, breaker.snapshot().next_attempt), (None, None));
}

/// The test holds the lock, like a suspended thread. Neither `info` nor a rejection waits for the lock.
#[test]
fn b059_info_and_refusals_take_no_lock() {
    let (breaker, _) = opened();
    let _turn = breaker.circuit().lock();
    let (told, answer) = mpsc::channel();
    let asked = breaker.clone();
    thread::spawn(move || told.send((state(&asked), is_refused(&asked))));
    assert_eq!(answer.recv_timeout(10 * SECOND), Ok((State::Open, true)));
}

#[test]
fn b060_clones_are_one_breaker_and_others_are_not() {
    let (breaker, clock) = breaker();
    let (clone, other) = (breaker.clone(), live(SETTINGS, &clock));
    fail(&breaker);
    fail(&clone);
    assert_eq!((state(&breaker), state(&clone), state(&other)), (State::Open, State::Open, State::Closed));
}
