//! Requests that are overtaken between two of their steps. A clock runs the other step when the request reads
//! the time.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::*;

type Step = Box<dyn FnOnce() + Send>;

/// A clock that runs a step the next time it is read.
#[derive(Clone)]
struct Meddling {
    time: ManualClock,
    step: Arc<Mutex<Option<Step>>>,
}

impl Meddling {
    fn next(&self, step: impl FnOnce() + Send + 'static) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(step));
    }
}

impl Clock for Meddling {
    fn now(&self) -> u64 {
        let step = self.step.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(step) = step {
            step();
        }
        self.time.now()
    }
}

impl fmt::Debug for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddling")
    }
}

fn meddled() -> (Breaker, Meddling) {
    let clock = Meddling { time: ManualClock::new(), step: Arc::default() };
    (Breaker::new(SETTINGS, "meddled".into(), Arc::new(clock.clone()), None), clock)
}

/// Creates a breaker that is open and may be probed.
fn due() -> (Breaker, Meddling) {
    let (breaker, clock) = meddled();
    fail(&breaker);
    fail(&breaker);
    clock.time.advance(WAIT);
    (breaker, clock)
}

#[test]
fn an_operator_wins_over_who_is_about_to_probe() {
    let (breaker, clock) = due();
    let operator = breaker.clone();
    clock.next(move || operator.force_open());
    assert!(is_refused(&breaker));
    let info = breaker.snapshot();
    assert_eq!((info.state, info.next_attempt), (State::Open, None));
}

#[test]
fn who_is_about_to_probe_passes_if_it_was_closed() {
    let (breaker, clock) = due();
    let operator = breaker.clone();
    clock.next(move || operator.force_close());
    let _pass = pass(&breaker);
}

#[test]
fn b054_who_is_about_to_probe_is_refused_if_another_one_does() {
    let (breaker, clock) = due();
    let (other, place) = (breaker.clone(), Arc::new(Mutex::new(None)));
    let taken = Arc::clone(&place);
    clock.next(move || *taken.lock().expect("a place") = Some(probe(&other).into_owned()));
    assert!(is_refused(&breaker));
    drop(place.lock().expect("a place").take());
    let _probe = probe(&breaker);
}

#[test]
fn who_is_about_to_open_it_leaves_alone_an_opening_that_is_there() {
    let (breaker, clock) = meddled();
    fail(&breaker);
    let (other, time, opened) = (breaker.clone(), clock.time.clone(), now(&clock.time));
    clock.next(move || {
        fail(&other);
        time.advance(SECOND);
    });
    fail(&breaker);
    let info = breaker.snapshot();
    assert_eq!((info.failures, info.opened_at, info.next_attempt), (2, Some(opened), Some(opened + WAIT)));
}

#[test]
fn b052_a_success_wins_over_who_is_about_to_open_it() {
    let (breaker, clock) = meddled();
    fail(&breaker);
    let other = breaker.clone();
    clock.next(move || pass(&other).succeeded());
    fail(&breaker);
    assert_eq!((state(&breaker), breaker.snapshot().failures), (State::Closed, 1));
}
