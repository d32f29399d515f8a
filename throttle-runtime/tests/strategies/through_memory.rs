//! Every strategy through the memory backend: behaviours 81, 90, 93 and 95.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use throttle_runtime::backend::{Backend, Charge, Memory, Mode};
use throttle_runtime::strategy::{Arrival, State, Step, Strategy, TieredRate};
use throttle_runtime::{Hit, Key, ManualClock, Quota, Rate, Registry, Settings, Throttle, registry};

use crate::common::{Request, START, each, rate, schedule, strategy};

/// Settings take a strategy, and not a boxed one.
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

/// Returns a throttle of `100/min` for each strategy.
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

/// A denied request costs nothing, and does not extend the wait.
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
            let stat = throttle.quotas("a").await.expect("memory never fails");
            let checked = throttle.peek("a").await.expect("memory never fails");
            assert_eq!(stat.remaining(), Some(100_u64.saturating_sub(used)), "{throttle:?}");
            assert_eq!(stat.retry_after(), None, "a question is always answered");
            assert_eq!(checked.retry_after().is_none(), used < 100);
            assert_eq!(checked, throttle.hit("a").await.expect("memory never fails"), "{throttle:?}");
        }
    }
}

/// The name of a tier in a key is only a part of the key.
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

/// One client makes the requests of a schedule. Between its requests, others cause its eviction.
fn evicted(strategy: &dyn Strategy, rate: Rate, schedule: &[Request], others: u32) -> Result<(), String> {
    let clock = ManualClock::new();
    clock.set(START);
    let memory = |max_keys| Memory::builder().max_keys(max_keys).clock(clock.clone()).build();
    let (small, large) = (memory(64), memory(1_000_000));
    let (rates, mut now) = ([rate], START);
    let fits = |memory: &Memory, key: u32, request: &Request| {
        let key = Key::from(key);
        let mut charge = Charge::new("t", &key, strategy, &rates, request.cost);
        (charge.class, charge.load) = (request.class, request.load);
        let verdict = memory.decide(&[charge], Mode::Consume).ready().expect("at once").expect("a verdict");
        verdict.quotas.iter().all(Quota::fits)
    };
    for (number, request) in (0..).zip(schedule) {
        now = now.saturating_add_signed(request.gap);
        clock.set(now);
        if fits(&small, 0, request) && !fits(&large, 0, request) {
            return Err(format!("{request:?}, number {number}"));
        }
        for other in 0..others {
            let other = 1 + (number * others + other) % 500;
            if fits(&small, other, request) && !fits(&large, other, request) {
                return Err(format!("{request:?}, number {number} of {other}"));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// A client that comes back after its eviction is admitted no more than its state would have admitted.
    #[test]
    fn f01_no_strategy_admits_more_to_clients_that_were_evicted(
        (strategy, rate, schedule, others) in (strategy(), rate(), schedule(), 5..40_u32),
    ) {
        let wrong = evicted(&*strategy, rate, &schedule, others);
        prop_assert!(wrong.is_ok(), "{:?} {}: {:?}", strategy, rate, wrong);
    }
}

/// The clock steps back, by less and by more than a period, so that no state ends.
#[test]
fn f01_no_strategy_admits_more_to_evicted_clients_when_the_clock_steps_back() {
    for strategy in each() {
        for back in [1, 900_000, 14_000_000, 59_000_000, 61_000_000, 130_000_000, 5_000_000_000] {
            let (rate, mut now) = (Rate::per_minute(100), START);
            let mut schedule = Vec::new();
            for to in [START, START - back / 3, START - back / 2, START - back] {
                schedule.push(Request::new(to.cast_signed() - now.cast_signed(), 70));
                schedule.extend([Request::new(0, 30), Request::new(0, 7)]);
                now = to;
            }
            let wrong = evicted(&*strategy, rate, &schedule, 300);
            assert!(wrong.is_ok(), "{strategy:?} {back}: {wrong:?}");
        }
    }
}
