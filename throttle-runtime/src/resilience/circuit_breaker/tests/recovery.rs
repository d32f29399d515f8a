//! The length of openings, including clocks that step back.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Returns the length of the opening, in microseconds.
fn wait(breaker: &Breaker) -> u64 {
    let info = breaker.snapshot();
    let (Some(from), Some(to)) = (info.opened_at, info.next_attempt) else { panic!("not open: {info:?}") };
    u64::try_from(to.duration_since(from).expect("in order").as_micros()).expect("a wait")
}

/// Fails the probe that follows this opening.
fn reopen(breaker: &Breaker, clock: &ManualClock) {
    clock.advance(Duration::from_micros(wait(breaker)));
    probe(breaker).failed();
}

#[test]
fn b062_openings_in_a_row_grow_up_to_the_longest() {
    let clock = ManualClock::new();
    let settings = CircuitBreaker::new().recovery_timeout(SECOND).success_threshold(1);
    let breaker = live(settings.failure_threshold(1).growth(2, 5 * SECOND), &clock);
    for _ in 0..2 {
        fail(&breaker);
        for seconds in [1, 2, 4, 5, 5] {
            assert_eq!(wait(&breaker), seconds * 1_000_000);
            reopen(&breaker, &clock);
        }
        // After it has closed, the length starts again with the recovery time.
        clock.advance(Duration::from_micros(wait(&breaker)));
        probe(&breaker).succeeded();
    }
}

#[test]
fn b062_without_growth_openings_are_of_one_length() {
    let (breaker, clock) = opened();
    for _ in 0..5 {
        assert_eq!(wait(&breaker), 30_000_000);
        reopen(&breaker, &clock);
    }
}

#[test]
fn b062_growth_ends_at_the_end_of_time() {
    let clock = ManualClock::new();
    let settings = CircuitBreaker::new().failure_threshold(1).recovery_timeout(Duration::MAX);
    let breaker = live(settings.growth(u32::MAX, Duration::MAX).jitter(100), &clock);
    fail(&breaker);
    clock.set(u64::MAX);
    probe(&breaker).failed();
    assert_eq!(state(&breaker), State::Open);
}

#[test]
fn b062_jitter_shortens_within_bounds_and_does_not_add_up() {
    let clock = ManualClock::new();
    let settings = CircuitBreaker::new().failure_threshold(1).recovery_timeout(SECOND).growth(2, 4 * SECOND);
    let mut waits = Vec::new();
    for _ in 0..200 {
        let breaker = live(settings.jitter(25), &clock);
        fail(&breaker);
        for whole in [1_000_000, 2_000_000, 4_000_000, 4_000_000] {
            let wait = wait(&breaker);
            assert!((whole / 4 * 3..=whole).contains(&wait), "{wait} of {whole}");
            waits.push(wait * 100 / whole);
            reopen(&breaker, &clock);
        }
    }
    let spread = |range: std::ops::RangeInclusive<u64>| waits.iter().any(|wait| range.contains(wait));
    assert!(spread(75..=78) && spread(86..=89) && spread(97..=100));
}

#[test]
fn less_than_a_microsecond_is_one() {
    let clock = ManualClock::new();
    let settings = CircuitBreaker::new().failure_threshold(1).recovery_timeout(Duration::from_nanos(1));
    let breaker = live(settings, &clock);
    fail(&breaker);
    assert!(is_refused(&breaker));
    clock.advance(Duration::from_micros(1));
    let _probe = probe(&breaker);
}

#[test]
fn b062_whole_jitter_leaves_it_open() {
    let clock = ManualClock::new();
    let settings = CircuitBreaker::new().failure_threshold(1).recovery_timeout(Duration::from_nanos(1));
    for _ in 0..100 {
        let breaker = live(settings.jitter(100), &clock);
        fail(&breaker);
        assert!(is_refused(&breaker));
    }
}

#[test]
fn a_clock_that_steps_back_does_not_keep_it_open_for_longer() {
    let (breaker, clock) = opened();
    clock.step_back(3_600 * SECOND);
    probe(&breaker).failed();
    assert!(is_refused(&breaker));
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    probe(&breaker).succeeded();
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn a_clock_that_steps_back_less_than_it_went_on_changes_nothing() {
    let (breaker, clock) = opened();
    clock.advance(20 * SECOND);
    clock.step_back(20 * SECOND);
    assert!(is_refused(&breaker));
    assert_eq!(wait(&breaker), 30_000_000);
}

/// A clock that counts how often it is read.
#[derive(Debug, Default)]
struct Reads(AtomicU64);

impl Clock for Reads {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[test]
fn a_closed_breaker_reads_no_clock() {
    let clock = Arc::new(Reads::default());
    let breaker = Breaker::new(SETTINGS, "counted".into(), Arc::clone(&clock) as Arc<dyn Clock>, None);
    for _ in 0..100 {
        pass(&breaker).succeeded();
        fail(&breaker);
        pass(&breaker).succeeded();
    }
    assert_eq!(clock.0.load(Ordering::Relaxed), 0);
    fail(&breaker);
    fail(&breaker);
    assert_eq!(clock.0.load(Ordering::Relaxed), 1);
}
