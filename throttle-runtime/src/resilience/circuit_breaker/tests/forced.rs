//! Operator commands, and results that come too late.

use super::*;

#[test]
fn forced_open_stays_so_whatever_time_passes() {
    let (breaker, clock) = breaker();
    let opened = now(&clock);
    breaker.force_open();
    for _ in 0..3 {
        clock.advance(3_600 * SECOND);
        assert!(is_refused(&breaker));
    }
    clock.step_back(24 * 3_600 * SECOND);
    assert!(is_refused(&breaker));
    let info = breaker.snapshot();
    assert_eq!((info.state, info.opened_at, info.next_attempt), (State::Open, Some(opened), None));
    breaker.force_close();
    let _pass = pass(&breaker);
}

#[test]
fn forced_open_keeps_an_open_breaker_open() {
    let (breaker, clock) = opened();
    let opened = now(&clock);
    clock.advance(SECOND);
    breaker.force_open();
    clock.advance(WAIT);
    assert!(is_refused(&breaker));
    assert_eq!(breaker.snapshot().opened_at, Some(opened));
}

#[test]
fn forced_closed_has_forgotten_everything() {
    let (breaker, _) = breaker();
    fail(&breaker);
    breaker.force_close();
    assert_eq!((state(&breaker), breaker.snapshot().failures), (State::Closed, 0));
    fail(&breaker);
    assert_eq!(state(&breaker), State::Closed);
    fail(&breaker);
    assert_eq!(state(&breaker), State::Open);
    breaker.force_close();
    assert_eq!((breaker.snapshot().failures, breaker.snapshot().opened_at), (0, None));
}

#[test]
fn a_probe_that_was_overtaken_by_an_operator_changes_nothing() {
    for end in [Permission::succeeded, Permission::failed, drop] {
        let (breaker, clock) = opened();
        clock.advance(WAIT);
        let permit = probe(&breaker).into_owned();
        breaker.force_open();
        let before = breaker.snapshot();
        end(permit);
        assert_eq!(breaker.snapshot(), before);
    }
}

/// Slow requests from before the opening report their results in every later state.
#[test]
fn results_of_an_older_generation_change_nothing() {
    let (breaker, clock) = breaker();
    let mut slow: Vec<_> = (0..16).map(|_| pass(&breaker)).collect();
    let mut late = |what: &str| {
        let before = breaker.snapshot();
        for end in [Permission::failed, Permission::succeeded, Permission::failed, drop] {
            end(slow.pop().expect("enough of them"));
        }
        assert_eq!(breaker.snapshot(), before, "{what}");
    };
    fail(&breaker);
    fail(&breaker);
    late("open");
    clock.advance(WAIT);
    let permit = probe(&breaker);
    late("half-open");
    assert!(is_refused(&breaker));
    permit.succeeded();
    probe(&breaker).succeeded();
    fail(&breaker);
    late("closed again");
    fail(&breaker);
    clock.advance(SECOND);
    late("open again");
}

#[test]
fn owned_permits_count_as_borrowed_ones() {
    let (breaker, _) = breaker();
    pass(&breaker).into_owned().failed();
    pass(&breaker).into_owned().succeeded();
    assert_eq!(breaker.snapshot().failures, 0);
    pass(&breaker).into_owned().into_owned().failed();
    drop(pass(&breaker).into_owned());
    pass(&breaker).into_owned().failed();
    assert_eq!(state(&breaker), State::Open);
}
