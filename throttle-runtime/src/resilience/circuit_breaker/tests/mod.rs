//! Tests of the guarantees of breakers. The names of the tests contain the numbers of the guarantees.

mod changes;
mod crowd;
mod events;
mod forced;
mod model;
mod overtaken;
mod recovery;
mod remote;
mod settings;
mod states;
mod word;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::permission::{Entry, Permission};
use super::{Breaker, CircuitBreaker, State};
use crate::clock::{Clock, ManualClock};

const SECOND: Duration = Duration::from_secs(1);
const WAIT: Duration = Duration::from_secs(30);

/// Opens after 2 failures, for 30 seconds, and closes after 2 successes.
const SETTINGS: CircuitBreaker = CircuitBreaker::new().failure_threshold(2).recovery_timeout(WAIT);

fn live(settings: CircuitBreaker, clock: &ManualClock) -> Breaker {
    Breaker::new(settings, settings.label().into(), Arc::new(clock.clone()), None)
}

/// Creates a breaker with these settings, and its clock.
fn breaker() -> (Breaker, ManualClock) {
    let clock = ManualClock::new();
    (live(SETTINGS, &clock), clock)
}

/// Creates a breaker that has just opened.
fn opened() -> (Breaker, ManualClock) {
    let (breaker, clock) = breaker();
    fail(&breaker);
    fail(&breaker);
    assert_eq!(state(&breaker), State::Open);
    (breaker, clock)
}

fn state(breaker: &Breaker) -> State {
    breaker.snapshot().state
}

#[track_caller]
fn pass(breaker: &Breaker) -> Permission<'_> {
    match breaker.enter() {
        Entry::Pass(permit) => permit,
        other => panic!("not a pass: {other:?}"),
    }
}

#[track_caller]
fn probe(breaker: &Breaker) -> Permission<'_> {
    match breaker.enter() {
        Entry::Probe(permit) => permit,
        other => panic!("not a probe: {other:?}"),
    }
}

#[track_caller]
fn fail(breaker: &Breaker) {
    pass(breaker).failed();
}

fn is_refused(breaker: &Breaker) -> bool {
    matches!(breaker.enter(), Entry::Refused)
}

fn now(clock: &ManualClock) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(clock.now())
}
