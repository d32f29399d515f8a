//! Openings that another instance reports.

use super::*;

const WAIT_MICROS: u64 = 30_000_000;
const MORE: u64 = 2_000_000;

fn follow(breaker: &Breaker) -> u32 {
    let (opening, change) = breaker.follow(WAIT_MICROS, MORE).expect("nobody forced it");
    breaker.publish(change);
    assert_eq!(breaker.opening(), Some(opening));
    opening.generation
}

#[test]
fn b061_what_opened_elsewhere_is_open_for_as_long_and_a_little_more() {
    let (breaker, clock) = breaker();
    let slow = [pass(&breaker), pass(&breaker)];
    follow(&breaker);
    slow.into_iter().for_each(Permission::failed);
    assert!(is_refused(&breaker));
    clock.advance(WAIT);
    assert!(is_refused(&breaker));
    clock.advance(2 * SECOND);
    probe(&breaker).failed();
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    probe(&breaker).succeeded();
    assert_eq!((state(&breaker), breaker.opening()), (State::Closed, None));
}

#[test]
fn b061_a_request_may_probe_only_in_the_opening_that_is_meant() {
    let (breaker, clock) = breaker();
    let generation = follow(&breaker);
    breaker.may_probe(generation - 1);
    assert!(is_refused(&breaker));
    breaker.may_probe(generation);
    probe(&breaker).failed();
    clock.advance(SECOND);
    breaker.may_probe(generation);
    assert!(is_refused(&breaker));
    breaker.force_close();
    breaker.may_probe(generation);
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn b061_an_opening_elsewhere_ends_probes_and_continues_openings() {
    let (breaker, clock) = opened();
    let since = breaker.snapshot().opened_at;
    clock.advance(SECOND);
    let (_, change) = breaker.follow(WAIT_MICROS, 0).expect("nobody forced it");
    assert_eq!((change, breaker.snapshot().opened_at), (None, since));
    clock.advance(29 * SECOND);
    assert!(is_refused(&breaker));
    clock.advance(SECOND);
    let permit = probe(&breaker).into_owned();
    let (_, change) = breaker.follow(WAIT_MICROS, 0).expect("nobody forced it");
    let change = change.expect("it was half-open");
    assert!(change.remote && change.from == State::HalfOpen && change.to == State::Open);
    permit.succeeded();
    assert_eq!((state(&breaker), breaker.snapshot().successes), (State::Open, 0));
}

#[test]
fn b061_no_opening_elsewhere_is_longer_than_one_here() {
    let clock = ManualClock::new();
    let longest = [
        (SETTINGS, WAIT),
        (SETTINGS.growth(2, 2 * WAIT), 2 * WAIT),
        (SETTINGS.growth(2, SECOND), SECOND),
        (SETTINGS.jitter(100), WAIT),
    ];
    for (settings, longest) in longest {
        let breaker = live(settings, &clock);
        let (opening, _) = breaker.follow(u64::MAX, 0).expect("nobody forced it");
        assert_eq!(u128::from(opening.left), longest.as_micros());
    }
}

#[test]
fn b061_what_is_forced_follows_nobody() {
    let (breaker, _) = breaker();
    breaker.force_open();
    assert!(breaker.opening().is_none() && breaker.follow(WAIT_MICROS, MORE).is_none());
    assert_eq!(breaker.snapshot().next_attempt, None);
}
