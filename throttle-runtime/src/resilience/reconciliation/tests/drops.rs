//! Futures that are dropped at any point.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{DEADLINE, World, now};
use crate::rate::Rate;
use crate::strategy::FixedWindow;

/// How often the futures of these backends are pending.
const PENDING: usize = 3;
const POINTS: usize = 2 * PENDING + 1;

/// Polls a future up to `times` times, then drops it. Returns whether it was ready.
fn poll_times(future: impl Future, times: usize) -> bool {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..times).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(_)))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Runs a test in a runtime with timers, because backend calls have timeouts.
fn in_runtime(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    test();
}

fn world() -> World {
    let world = World::with(&FixedWindow, &[Rate::per_minute(10)], 1, PENDING);
    assert!(run(world.asks_primary(6)));
    world
}

#[test]
fn a_dropped_seed_leaves_the_fallback_with_what_was_left() {
    in_runtime(|| {
        for times in 0..=POINTS {
            let world = world();
            let (charge, instance) = (world.charge(1), &world.instances[0]);
            poll_times(instance.reconciler.seed(&charge, &instance.standby, DEADLINE, world.now()), times);
            let admitted = (0..10).filter(|_| run(world.asks_standby(0, 1))).count();
            assert_eq!(admitted, 4, "dropped after {times} polls");
        }
    });
}

#[test]
fn a_dropped_payment_is_made_once() {
    in_runtime(|| {
        for times in 0..=POINTS {
            let world = world();
            assert!(run(world.asks_standby(0, 3)));
            poll_times(world.pays(0), times);
            // The fallback decides until the payment is known to be complete.
            if world.owes(0) {
                run(world.pays(0)).expect("a primary");
            }
            assert!(!world.owes(0));
            assert_eq!(now(world.left_at_primary()), 1, "dropped after {times} polls");
        }
    });
}

#[test]
fn who_does_not_wait_for_a_payment_goes_on_without_it() {
    in_runtime(|| {
        let world = world();
        assert!(run(world.asks_standby(0, 1)));
        let mut payment = Box::pin(world.pays(0));
        let mut context = Context::from_waker(Waker::noop());
        assert!(payment.as_mut().poll(&mut context).is_pending());
        run(world.pays(0)).expect("nothing to do");
        assert!(world.owes(0), "it is not paid yet");
        assert!(run(world.asks_standby(0, 2)), "what is admitted meanwhile");
        run(payment).expect("a primary");
        assert!(world.owes(0), "is owed after it");
        assert_eq!(now(world.left_at_primary()), 3);
        run(world.pays(0)).expect("a primary");
        assert!(!world.owes(0));
        assert_eq!(now(world.left_at_primary()), 1);
    });
}

#[test]
fn nobody_goes_on_before_the_fallback_has_begun() {
    in_runtime(|| {
        let world = world();
        let (charge, instance) = (world.charge(1), &world.instances[0]);
        let mut first = Box::pin(instance.reconciler.seed(&charge, &instance.standby, DEADLINE, world.now()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(run(world.asks_standby(0, 3)));
        run(first).expect("a standby");
        assert!(run(world.asks_standby(0, 1)));
        assert!(!run(world.asks_standby(0, 1)));
    });
}
