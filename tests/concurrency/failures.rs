//! Requests when a backend cannot decide whether there is a permit: behaviours 33 to 36, 52 and 57.

use std::time::Duration;

use throttle::backend::Memory;
use throttle::breaker::State;
use throttle::testkit::{Fault, Faulty};
use throttle::{
    CircuitBreaker, DecisionReason, ErrorKind, ManualClock, OnError, Permit, Recovery, Registry, Settings,
    Throttle, ThrottleError, failover, fallback, retry,
};

use crate::common::events;
use crate::common::{declared_at, seconds};

const DOWN: Fault = Fault::Refuse(ErrorKind::Connection);

fn faulty(clock: &ManualClock) -> Faulty {
    Faulty::new(Memory::builder().clock(clock.clone()).build())
}

struct Bench {
    primary: Faulty,
    registry: Registry,
    clock: ManualClock,
}

impl Bench {
    async fn new(in_background: bool) -> Self {
        let clock = ManualClock::new();
        let (primary, standby) = (faulty(&clock), faulty(&clock));
        let declared = declared_at(&clock).backend("primary", primary.clone()).backend("standby", standby);
        let declared = declared.clock(clock.clone()).probe_in_background(in_background);
        Self { primary, registry: declared.build().await.expect("a registry"), clock }
    }

    fn throttle(&self, settings: Settings) -> Throttle {
        let settings = settings.max_concurrent(4).backend("primary").timeout(Duration::from_millis(20));
        self.registry.create("a", settings).expect("nothing is wrong")
    }

    fn recovering(&self, recovery: Recovery) -> Throttle {
        self.throttle(Settings::new().on_error(recovery))
    }
}

fn wait(answer: Result<Permit, ThrottleError>) -> (DecisionReason, Option<u64>) {
    match answer.expect_err("denied") {
        ThrottleError::Throttled(throttled) => (throttled.reason(), throttled.retry_after_seconds()),
        failed => panic!("{failed:?}"),
    }
}

#[tokio::test]
async fn b033_b034_b036_the_policy_says_what_becomes_of_a_request() {
    for fault in [DOWN, Fault::Hang, Fault::Lose(ErrorKind::Store)] {
        events::listen();
        let bench = Bench::new(false).await;
        bench.primary.meet(fault, usize::MAX);
        let open = bench.throttle(Settings::new().on_error("allow"));
        let held = [open.permit("a").await.expect("allowed"), open.permit("a").await.expect("allowed")];
        assert_eq!(held[0].decision().reason(), DecisionReason::AllowedOnError);
        assert_eq!(
            events::seen(tracing::Level::WARN).len(),
            1,
            "the first failure is logged, its repetition is counted"
        );
        bench.clock.advance(Duration::from_secs(1));
        drop(open.permit("a").await.expect("allowed"));
        let logged = events::seen(tracing::Level::WARN);
        assert!(logged.len() == 2 && logged[1].contains("omitted=1"), "{logged:?}");
        assert_eq!(open.counts().allowed_on_error, 3);

        let bench = Bench::new(false).await;
        bench.primary.meet(fault, usize::MAX);
        let closed = bench.throttle(Settings::new().on_error(OnError::Throttle(seconds(7))));
        assert_eq!(wait(closed.permit("a").await), (DecisionReason::ThrottledOnError, Some(7)));
        assert_eq!(closed.counts().throttled_on_error, 1);
        bench.primary.heal();
        let held = closed.permit("a").await.expect("well again");
        assert_eq!(held.decision().reason(), DecisionReason::Concurrency);

        let bench = Bench::new(false).await;
        bench.primary.meet(fault, usize::MAX);
        let raising = bench.throttle(Settings::new().on_error("raise"));
        assert!(matches!(raising.permit("a").await, Err(ThrottleError::Failed(_))));
        assert_eq!(raising.counts().raised, 1);
    }
}

#[tokio::test]
async fn who_is_allowed_without_a_place_still_pays_the_rate() {
    let bench = Bench::new(false).await;
    let both = bench.throttle(Settings::new().rate("5/min").on_error("allow"));
    bench.primary.meet(DOWN, 1);
    let held = both.permit("a").await.expect("allowed");
    assert_eq!((held.decision().reason(), held.decision().remaining()), (DecisionReason::Backend, Some(4)));
    assert_eq!((both.counts().allowed, both.counts().allowed_on_error), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn b048_what_took_nothing_is_asked_for_again() {
    let bench = Bench::new(false).await;
    let throttle = bench.recovering(retry(2).otherwise("raise"));
    bench.primary.meet(DOWN, 2);
    let held = throttle.permit("a").await.expect("the third time");
    assert_eq!((held.decision().reason(), throttle.counts().retries), (DecisionReason::Concurrency, 2));
    bench.primary.take_calls();
    bench.primary.meet(Fault::Lose(ErrorKind::Connection), 1);
    throttle.permit("a").await.expect_err("it may have taken a place");
    assert_eq!(bench.primary.take_calls(), 1);
}

#[tokio::test]
async fn a_fallback_has_places_of_its_own_and_its_share_of_them() {
    let bench = Bench::new(false).await;
    let throttle = bench.recovering(fallback("standby").share(1, 2));
    let before = throttle.permit("a").await.expect("a place");
    bench.primary.meet(DOWN, usize::MAX);
    let held = [throttle.permit("a").await.expect("a place"), throttle.permit("a").await.expect("a place")];
    assert_eq!(wait(throttle.permit("a").await), (DecisionReason::Concurrency, Some(1)));
    let counts = throttle.counts();
    assert_eq!((counts.allowed, counts.denied, counts.fallback), (3, 1, 3));
    bench.primary.heal();
    drop((before, held));
    let full = [(); 4].map(|()| throttle.permit("a"));
    let mut held = Vec::new();
    for entering in full {
        held.push(entering.await.expect("all places of the first"));
    }
    assert_eq!(wait(throttle.permit("a").await), (DecisionReason::Concurrency, Some(1)));
}

#[tokio::test]
async fn b052_b057_the_breaker_is_asked_first_and_hears_of_failures() {
    for in_background in [false, true] {
        let bench = Bench::new(in_background).await;
        let breaker = CircuitBreaker::new().failure_threshold(2).success_threshold(1);
        let throttle = bench.recovering(failover("standby", breaker).retries(0));
        let state = || throttle.breaker().expect("there is one").snapshot().state;
        bench.primary.meet(DOWN, usize::MAX);
        for _ in 0..2 {
            drop(throttle.permit("a").await.expect("by the fallback"));
        }
        assert_eq!((state(), bench.primary.take_calls()), (State::Open, 2));
        drop(throttle.permit("a").await.expect("by the fallback"));
        assert_eq!((bench.primary.take_calls(), throttle.counts().breaker_open), (0, 1));
        bench.primary.heal();
        bench.clock.advance(seconds(60));
        drop(throttle.permit("a").await.expect("a place"));
        crate::gate::eventually(|| async { state() == State::Closed }).await;
        assert_eq!(bench.primary.take_calls(), 1, "one that tries");
        drop(throttle.permit("a").await.expect("a place"));
        assert_eq!(bench.primary.take_calls(), 1);
    }
}
