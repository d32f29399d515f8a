//! The allowed and the denied path of the memory backend allocate nothing, and changes at run time leave
//! nothing behind.

mod flat;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use throttle_runtime::strategy::{
    Adaptive, CostBasedTokenBucket, Gcra, LeakyBucketQueue, QuotaWithRollover, TieredRate, TimeOfDay,
};
use throttle_runtime::{Decision, Hit, Registry, Settings, Throttle};

/// Counts the allocations of this thread during the work: the test harness allocates in others meanwhile.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// Memory decides immediately, so the first poll is the last.
fn hit<'a>(throttle: &'a Throttle, hit: impl Into<Hit<'a>>) -> Decision {
    let future = pin!(throttle.hit(hit));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => decision.expect("a decision"),
        Poll::Pending => panic!("memory waits for nothing"),
    }
}

#[test]
fn a_decision_in_memory_allocates_nothing_and_moves_little() {
    // No unit becomes available again during the test, and no window begins.
    let settings = [
        Settings::new().rate("100/day"),
        Settings::new().rate("100/min, 100/hour, 100/day, 100/week"),
        // The maximum number of limits.
        Settings::new().rate("100/min, 100/2min, 100/3min, 100/4min, 100/5min, 100/hour, 100/day, 100/week"),
        Settings::new().rate("100/day").strategy(Gcra::new().burst(100)),
        Settings::new().rate("100/day").strategy(LeakyBucketQueue::new()),
        Settings::new().rate("100/day").strategy(CostBasedTokenBucket::new()),
        Settings::new().rate("100/day").strategy(TieredRate::new()),
        Settings::new().rate("100/day").strategy(QuotaWithRollover::new()),
        Settings::new().rate("100/day").strategy(Adaptive::new()),
        Settings::new().rate("100/day").strategy(TimeOfDay::in_zone("Europe/Berlin")),
    ];
    for settings in settings {
        let throttle = Registry::default().create("t", settings).expect("a throttle");
        let _ = hit(&throttle, "a client with a name of some length");
        let client = "a client with a name of some length";
        let mut allowed = 0;
        let made = allocations(|| allowed = (0..200).filter(|_| hit(&throttle, client).is_allowed()).count());
        assert_eq!(allowed, 99, "the limit was crossed");
        assert_eq!(made, 0);
    }
    // The future is moved to where it is awaited, even if the decision is immediate.
    let throttle = Registry::default().create("t", Settings::new().rate("100/min")).expect("a throttle");
    let size = size_of_val(&throttle.hit("a client"));
    assert!(size <= 256, "{size} bytes");
}
