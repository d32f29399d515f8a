//! Every strategy through the memory backend: behaviours 81, 90, 93 and 95.

use std::sync::atomic::{AtomicUsize, Ordering};

use throttle_runtime::backend::Memory;
use throttle_runtime::strategy::{Arrival, State, Step, Strategy, TieredRate};
use throttle_runtime::{Hit, ManualClock, Registry, Settings, Throttle, registry};

use crate::common::each;

/// Settings take a strategy, not a box of one.
#[derive(Debug)]
struct Any(Box<dyn Strategy>);

impl Strategy for Any {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn load(&self) -> u64 {
        self.0.load()
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        self.0.step(state, arrival)
    }

    fn refund(&self, state: &State, arrival: &Arrival, elapsed: u64) -> State {
        self.0.refund(state, arrival, elapsed)
    }
}

async fn registry_at(clock: &ManualClock) -> Registry {
    let memory = Memory::builder().clock(clock.clone()).build();
    registry().backend("memory", memory).build().await.expect("a registry")
}

/// A throttle of `100/min` for each strategy.
async fn throttles(clock: &ManualClock) -> Vec<Throttle> {
    let registry = registry_at(clock).await;
    let throttle = |strategy: Box<dyn Strategy>| {
        let settings = Settings::new().rate("100/min").strategy(Any(strategy));
        registry.create(&format!("t{}", registry.throttles().len()), settings).expect("a throttle")
    };
    each().into_iter().map(throttle).collect()
}

async fn is_allowed(throttle: &Throttle, hit: impl Into<Hit<'_>>) -> bool {
    throttle.hit(hit).await.expect("memory never fails").is_allowed()
}

#[tokio::test]
async fn b081_of_many_threads_as_many_pass_as_the_limit_says() {
    for throttle in throttles(&ManualClock::new()).await {
        let admitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                    for _ in 0..100 {
                        let allowed = runtime.block_on(is_allowed(&throttle, "a"));
                        admitted.fetch_add(usize::from(allowed), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 100, "{throttle:?}");
    }
}

/// A rejected request costs nothing, and does not push the wait out.
#[tokio::test]
async fn b093_rejected_requests_do_not_extend_the_wait() {
    let clock = ManualClock::new();
    for throttle in throttles(&clock).await {
        assert!(is_allowed(&throttle, Hit::new("a").cost(100)).await, "{throttle:?}");
        let denied = throttle.hit("a").await.expect("memory never fails");
        let wait = denied.retry_after().expect("a wait");
        for _ in 0..9 {
            clock.advance(wait / 10);
            assert!(!is_allowed(&throttle, "a").await, "{throttle:?}");
        }
        clock.advance(wait.saturating_sub(wait / 10 * 9));
        assert!(is_allowed(&throttle, "a").await, "{throttle:?}");
    }
}

#[tokio::test]
async fn b095_what_remains_is_the_limit_less_what_was_used() {
    for throttle in throttles(&ManualClock::new()).await {
        for used in 0..110_u64 {
            let stat = throttle.stat("a").await.expect("memory never fails");
            let checked = throttle.check("a").await.expect("memory never fails");
            assert_eq!(stat.remaining(), Some(100_u64.saturating_sub(used)), "{throttle:?}");
            assert_eq!(stat.retry_after(), None, "a question is always answered");
            assert_eq!(checked.retry_after().is_none(), used < 100);
            assert_eq!(checked, throttle.hit("a").await.expect("memory never fails"), "{throttle:?}");
        }
    }
}

/// What an id says about tiers is an id.
#[tokio::test]
async fn b090_a_tier_marker_in_a_key_changes_nothing() {
    let registry = registry_at(&ManualClock::new()).await;
    let settings = Settings::new().rate("10/min").strategy(TieredRate::new());
    let throttle = registry.create("tier:enterprise", settings).expect("a throttle");
    for key in ["enterprise", "tier:premium", "priority:critical"] {
        let mut admitted = 0;
        for _ in 0..60 {
            admitted += u32::from(is_allowed(&throttle, key).await);
        }
        assert_eq!(admitted, 10, "{key}");
    }
}
