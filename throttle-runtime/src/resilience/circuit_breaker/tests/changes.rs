//! The changes that hooks receive.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::resilience::circuit_breaker::Transition;

thread_local!(static TOLD: RefCell<Vec<Transition>> = const { RefCell::new(Vec::new()) });

fn tell(change: &Transition) {
    TOLD.with_borrow_mut(|told| told.push(change.clone()));
}

/// Returns the changes that the hook received on this thread since the last call.
fn told() -> Vec<(State, State, u32)> {
    let changes = TOLD.take();
    changes.iter().map(|change| (change.from, change.to, change.failures)).collect()
}

#[test]
fn a_hook_is_told_of_every_change_in_order() {
    use State::{Closed, HalfOpen, Open};
    let clock = ManualClock::new();
    let breaker = live(SETTINGS.on_transition(tell), &clock);
    fail(&breaker);
    fail(&breaker);
    clock.advance(WAIT);
    probe(&breaker).failed();
    assert_eq!(told(), [(Closed, Open, 2), (Open, HalfOpen, 2), (HalfOpen, Open, 3)]);
    clock.advance(WAIT);
    probe(&breaker).succeeded();
    drop(probe(&breaker));
    probe(&breaker).succeeded();
    assert_eq!(told(), [(Open, HalfOpen, 3), (HalfOpen, Closed, 3)]);
}

#[test]
fn a_hook_is_told_what_operators_do() {
    use State::{Closed, Open};
    let breaker = live(SETTINGS.on_transition(tell), &ManualClock::new());
    breaker.force_close();
    breaker.force_open();
    breaker.force_open();
    breaker.force_close();
    assert_eq!(told(), [(Closed, Open, 0), (Open, Closed, 0)]);
    fail(&breaker);
    fail(&breaker);
    breaker.force_open();
    assert_eq!(told(), [(Closed, Open, 2), (Open, Open, 2)]);
}

#[test]
fn a_change_names_breaker_and_time() {
    let clock = ManualClock::new();
    let breaker = live(SETTINGS.named("cache").on_transition(tell), &clock);
    clock.advance(SECOND);
    breaker.force_open();
    let changes = TOLD.take();
    assert_eq!((&*changes[0].breaker, changes[0].at), ("cache", now(&clock)));
}

thread_local!(static BREAKER: RefCell<Option<Breaker>> = const { RefCell::new(None) });

/// Creates a breaker that its hook finds in `BREAKER`.
fn known(hook: fn(&Transition)) -> (Breaker, ManualClock) {
    let clock = ManualClock::new();
    let breaker = live(SETTINGS.success_threshold(1).on_transition(hook), &clock);
    BREAKER.set(Some(breaker.clone()));
    (breaker, clock)
}

#[test]
fn no_lock_is_held_while_a_hook_runs() {
    fn look(change: &Transition) {
        let breaker = BREAKER.with_borrow(Clone::clone).expect("a breaker");
        assert!(breaker.circuit().turn.try_lock().is_ok(), "{change:?}");
        tell(change);
    }
    let (breaker, clock) = known(look);
    for end in [Permission::failed, Permission::succeeded] {
        fail(&breaker);
        fail(&breaker);
        clock.advance(WAIT);
        end(probe(&breaker).into_owned());
        breaker.force_open();
        breaker.force_close();
    }
    assert_eq!(told().len(), 10);
}

#[test]
fn a_hook_may_ask_and_force_the_breaker() {
    fn undo(change: &Transition) {
        if change.to == State::Open {
            let breaker = BREAKER.with_borrow(Clone::clone).expect("a breaker");
            assert_eq!(breaker.snapshot().state, State::Open);
            breaker.force_close();
        }
    }
    let (breaker, _) = known(undo);
    fail(&breaker);
    fail(&breaker);
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn a_hook_that_panics_leaves_the_breaker_well() {
    let clock = ManualClock::new();
    let breaker = live(SETTINGS.on_transition(|_| panic!("on purpose")), &clock);
    let panics = |act: &dyn Fn()| assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
    fail(&breaker);
    panics(&|| fail(&breaker));
    assert_eq!(state(&breaker), State::Open);
    clock.advance(WAIT);
    panics(&|| probe(&breaker).succeeded());
    assert_eq!(state(&breaker), State::HalfOpen);
    // The probe permit of the request that panicked is free.
    probe(&breaker).succeeded();
    panics(&|| probe(&breaker).succeeded());
    assert_eq!(state(&breaker), State::Closed);
}
