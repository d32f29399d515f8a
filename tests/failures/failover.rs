//! A circuit breaker for a backend, and another backend as its fallback: behaviours 52 to 60 and 63, stories
//! 15, 20 and 21.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as route;
use throttle::backend::{Backend, Charge, Mode, Reply, Verdict};
use throttle::breaker::State;
use throttle::testkit::{Fault, Faulty};
use throttle::{
    CircuitBreaker, DecisionReason, ErrorKind, Hit, Key, ManualClock, NowOrLater, Quota, Rate, Recovery,
    Registry, Settings, Throttle, failover, throttle,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::common::{declared_at, seconds, service, status};
use crate::faulty::faulty;

const DOWN: ErrorKind = ErrorKind::Store;

/// Two failures open the breaker, and it is probed a minute later.
const BREAKER: CircuitBreaker = CircuitBreaker::new().failure_threshold(2);

const ON_ERROR: Recovery = failover("standby", BREAKER).retries(0);

struct Bench {
    clock: ManualClock,
    primary: Faulty,
    registry: Registry,
    throttle: Throttle,
}

impl Bench {
    async fn new(on_error: Recovery, background: bool) -> Self {
        let clock = ManualClock::new();
        let (primary, standby) = (faulty(&clock), faulty(&clock));
        let declared =
            declared_at(&clock).backend("primary", primary.clone()).backend("standby", standby.clone());
        let declared = declared.clock(clock.clone()).probe_in_background(background);
        let registry = declared.build().await.expect("a registry");
        let throttle = registry.create("guarded", settings(on_error)).expect("nothing is wrong");
        Self { clock, primary, registry, throttle }
    }

    async fn hit(&self) -> DecisionReason {
        self.throttle.hit("a").await.expect("a decision").reason()
    }

    fn state(&self) -> State {
        self.throttle.breaker().expect("there is one").snapshot().state
    }

    /// Fails as often as it takes to open the breaker.
    async fn open(&self) {
        self.primary.fail(DOWN);
        for _ in 0..2 {
            assert_eq!(self.hit().await, DecisionReason::Fallback);
        }
        assert_eq!((self.state(), self.primary.take_calls()), (State::Open, 2));
    }

    /// Returns the sources of this many concurrent requests.
    async fn crowd(&self, requests: usize) -> Vec<DecisionReason> {
        let mut crowd = JoinSet::new();
        for _ in 0..requests {
            let throttle = self.throttle.clone();
            crowd.spawn(async move { throttle.hit("a").await.expect("a decision").reason() });
        }
        crowd.join_all().await
    }
}

fn settings(on_error: Recovery) -> Settings {
    Settings::new().rate("1000/min").backend("primary").on_error(on_error)
}

#[tokio::test(start_paused = true)]
async fn b052_two_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let bench = Bench::new(ON_ERROR, false).await;
    for _ in 0..3 {
        bench.primary.meet(Fault::Refuse(DOWN), 1);
        assert_eq!(bench.hit().await, DecisionReason::Fallback);
        assert_eq!(bench.hit().await, DecisionReason::Backend);
    }
    assert_eq!(bench.state(), State::Closed);
    bench.primary.take_calls();
    bench.open().await;
}

#[tokio::test(start_paused = true)]
async fn b053_s15_while_it_is_open_the_primary_is_not_called() {
    let bench = Bench::new(ON_ERROR, false).await;
    bench.open().await;
    let before = Instant::now();
    let sources = bench.crowd(1000).await;
    assert!(sources.iter().all(|source| *source == DecisionReason::BreakerOpen));
    assert_eq!((bench.primary.take_calls(), before.elapsed()), (0, Duration::ZERO));
    let counts = bench.throttle.counts();
    assert_eq!((counts.fallback, counts.breaker_open, counts.allowed, counts.denied), (2, 1000, 1000, 2));
}

#[tokio::test(start_paused = true)]
async fn b054_of_a_hundred_requests_one_tries_if_it_is_back() {
    let bench = Bench::new(ON_ERROR, false).await;
    bench.open().await;
    bench.clock.advance(seconds(60));
    bench.primary.hang();
    let sources = bench.crowd(100).await;
    assert_eq!(bench.primary.take_calls(), 1);
    let tried = sources.iter().filter(|source| **source == DecisionReason::Fallback).count();
    assert_eq!((tried, sources.len()), (1, 100), "and its client never sees that it failed");
}

#[tokio::test(start_paused = true)]
async fn b055_s15_s21_two_successes_close_it() {
    let bench = Bench::new(ON_ERROR, false).await;
    bench.open().await;
    bench.primary.heal();
    bench.clock.advance(seconds(60));
    assert_eq!((bench.hit().await, bench.state()), (DecisionReason::Backend, State::HalfOpen));
    assert_eq!((bench.hit().await, bench.state()), (DecisionReason::Backend, State::Closed));
    let info = bench.throttle.breaker().expect("there is one").snapshot();
    assert_eq!((info.failures, info.successes, info.opened_at), (0, 0, None));
}

#[tokio::test(start_paused = true)]
async fn b056_a_try_that_fails_opens_it_for_as_long_again_and_is_not_repeated() {
    let bench = Bench::new(failover("standby", BREAKER), false).await;
    bench.primary.fail(DOWN);
    while bench.state() == State::Closed {
        bench.hit().await;
    }
    bench.primary.take_calls();
    bench.clock.advance(seconds(60));
    assert_eq!((bench.hit().await, bench.primary.take_calls()), (DecisionReason::Fallback, 1));
    bench.clock.advance(seconds(59));
    assert_eq!((bench.hit().await, bench.primary.take_calls()), (DecisionReason::BreakerOpen, 0));
    bench.clock.advance(seconds(1));
    assert_eq!((bench.hit().await, bench.primary.take_calls()), (DecisionReason::Fallback, 1));
}

#[tokio::test(start_paused = true)]
async fn b057_a_try_that_is_dropped_leaves_its_place() {
    let bench = Bench::new(ON_ERROR, false).await;
    bench.open().await;
    bench.clock.advance(seconds(60));
    bench.primary.hang();
    let dropped = tokio::time::timeout(Duration::from_millis(50), bench.hit()).await;
    assert!(dropped.is_err());
    assert_eq!((bench.state(), bench.primary.take_calls()), (State::HalfOpen, 1));
    bench.primary.heal();
    assert_eq!(
        (bench.hit().await, bench.hit().await, bench.state()),
        (DecisionReason::Backend, DecisionReason::Backend, State::Closed)
    );
}

#[tokio::test(start_paused = true)]
async fn b060_throttles_that_say_the_same_breaker_share_it() {
    let bench = Bench::new(ON_ERROR, false).await;
    let sibling = bench.registry.create("sibling", settings(ON_ERROR)).expect("nothing is wrong");
    let own = failover("standby", CircuitBreaker::new().failure_threshold(2)).retries(0);
    let stranger = bench.registry.create("stranger", settings(own)).expect("nothing is wrong");
    bench.open().await;
    let source = async |throttle: &Throttle| throttle.hit("a").await.expect("a decision").reason();
    assert_eq!(source(&sibling).await, DecisionReason::BreakerOpen);
    assert_eq!(source(&stranger).await, DecisionReason::Fallback);
    assert_eq!(bench.registry.breakers().len(), 2);
}

/// A backend that denies one key without a call to its store.
#[derive(Debug)]
struct Remembers(Faulty);

impl Backend for Remembers {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        if *charges[0].key != Key::from("denied") {
            return self.0.decide(charges, mode);
        }
        let denied = Quota::denied(charges[0].rates[0], 0, 1_000_000);
        NowOrLater::now(Ok(Verdict::new(denied, 0).cached()))
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.0.refund(charges, at)
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.0.reset()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_knows_without_its_store_says_nothing_about_that() {
    let clock = ManualClock::new();
    let primary = faulty(&clock);
    let declared = declared_at(&clock).backend("primary", Remembers(primary.clone())).clock(clock.clone());
    let registry = declared.build().await.expect("a registry");
    let throttle = registry.create("guarded", settings(failover("memory", BREAKER).retries(0))).expect("it");
    let state = || throttle.breaker().expect("there is one").snapshot().state;
    // With a ticket, and without one.
    for rate in [None, Some(Rate::per_minute(1000))] {
        let hit = |key| {
            let hit = Hit::from(key);
            throttle.hit(if let Some(rate) = rate { hit.rate(rate) } else { hit })
        };
        primary.fail(DOWN);
        for _ in 0..2 {
            assert_eq!(hit("denied").await.expect("a decision").reason(), DecisionReason::Cached);
            assert_eq!(hit("a").await.expect("a decision").reason(), DecisionReason::Fallback);
        }
        assert_eq!(state(), State::Open, "two failures in a row");
        clock.advance(seconds(60));
        for _ in 0..3 {
            assert_eq!(hit("denied").await.expect("a decision").reason(), DecisionReason::Cached);
        }
        assert_eq!(state(), State::HalfOpen, "nobody has asked the store");
        primary.heal();
        for _ in 0..2 {
            assert_eq!(hit("b").await.expect("a decision").reason(), DecisionReason::Backend);
        }
        assert_eq!(state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_without_a_fallback_spares_the_backend() {
    let alone = throttle::retry(0).breaker(BREAKER).otherwise("allow");
    let bench = Bench::new(alone, false).await;
    bench.primary.fail(DOWN);
    for _ in 0..5 {
        assert_eq!(bench.hit().await, DecisionReason::AllowedOnError);
    }
    assert_eq!(bench.primary.take_calls(), 2);
    let raise = throttle::retry(0).breaker(BREAKER);
    let raising = bench.registry.create("raising", settings(raise)).expect("nothing is wrong");
    let error = raising.hit("a").await.expect_err("nobody decides");
    assert_eq!(error.kind(), ErrorKind::BreakerOpen);
}

#[tokio::test(start_paused = true)]
async fn a_task_in_the_background_tries_where_the_registry_says_so() {
    let bench = Bench::new(ON_ERROR, true).await;
    bench.open().await;
    bench.primary.hang();
    bench.clock.advance(seconds(60));
    let before = Instant::now();
    let sources = bench.crowd(100).await;
    assert!(sources.iter().all(|source| *source == DecisionReason::BreakerOpen));
    assert_eq!((bench.primary.take_calls(), before.elapsed()), (1, Duration::ZERO), "nobody waits for it");
    tokio::time::sleep(Duration::from_millis(101)).await;
    assert_eq!(bench.state(), State::Open, "there was no answer");
    bench.primary.heal();
    bench.clock.advance(seconds(60));
    for _ in 0..2 {
        assert_eq!(bench.hit().await, DecisionReason::BreakerOpen);
        tokio::task::yield_now().await;
    }
    assert_eq!((bench.state(), bench.hit().await), (State::Closed, DecisionReason::Backend));
    assert_eq!(
        bench.throttle.quotas("a").await.expect("a decision").remaining(),
        Some(997),
        "tries take nothing; two were admitted by the fallback"
    );
}

#[tokio::test(start_paused = true)]
async fn breakers_that_disagree_do_not_start() {
    let bench = Bench::new(ON_ERROR, false).await;
    let named =
        |failures| failover("standby", CircuitBreaker::new().named("redis").failure_threshold(failures));
    bench.registry.create("one", settings(named(2))).expect("the first one");
    let problem = bench.registry.create("two", settings(named(3))).expect_err("another one of that name");
    assert!(problem.to_string().contains("the breaker \"redis\""), "{problem}");
}

/// Two throttles with breakers of their own on one backend.
#[throttle(rate = "5/min", uid = "inner", backend = "primary", on_error = failover("standby", CircuitBreaker::new()))]
#[throttle(rate = "9/min", uid = "outer", backend = "primary", on_error = failover("standby", BREAKER).retries(0))]
async fn two() {}

#[tokio::test(start_paused = true)]
async fn throttles_with_other_recoveries_are_still_one_decision() {
    let bench = Bench::new(ON_ERROR, false).await;
    let app = service(Router::new().route("/", route(two)), &bench.registry);
    assert_eq!((status(&app, "/").await, bench.primary.take_calls()), (StatusCode::OK, 1));
    bench.primary.fail(DOWN);
    for _ in 0..2 {
        assert_eq!(status(&app, "/").await, StatusCode::OK);
    }
    bench.primary.take_calls();
    bench.primary.heal();
    // `inner` calls the primary after it has charged what the fallback admitted. The breaker of `outer` is
    // open.
    assert_eq!((status(&app, "/").await, bench.primary.take_calls()), (StatusCode::OK, 2));
    let counts = |uid: &str| bench.registry.get(uid).expect("used").counts();
    assert_eq!((counts("outer").fallback, counts("outer").breaker_open), (2, 1));
    assert_eq!((counts("inner").fallback, counts("inner").breaker_open), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn b057_a_try_that_panics_leaves_its_place() {
    let bench = Bench::new(ON_ERROR, false).await;
    bench.open().await;
    bench.clock.advance(seconds(60));
    bench.primary.meet(Fault::Panic, usize::MAX);
    let throttle = bench.throttle.clone();
    assert!(tokio::spawn(async move { throttle.hit("a").await }).await.is_err_and(|error| error.is_panic()));
    bench.primary.heal();
    assert_eq!((bench.hit().await, bench.state()), (DecisionReason::Backend, State::HalfOpen));
}

#[throttle(
    rate = "5/min",
    uid = "as-in-production",
    backend = "primary",
    on_error = failover(
        "standby",
        CircuitBreaker::new().failure_threshold(5).recovery_timeout(seconds(30)).success_threshold(2)
    )
    .retries(2)
    .delay(Duration::from_millis(50)),
)]
async fn s20_as_in_production() {}

#[tokio::test(start_paused = true)]
async fn s20_two_retries_and_then_the_fallback() {
    let bench = Bench::new(ON_ERROR, false).await;
    let app = service(Router::new().route("/", route(s20_as_in_production)), &bench.registry);
    bench.primary.fail(DOWN);
    let before = Instant::now();
    assert_eq!((status(&app, "/").await, bench.primary.take_calls()), (StatusCode::OK, 3));
    assert_eq!(before.elapsed(), Duration::from_millis(150));
    let throttle = bench.registry.get("as-in-production").expect("used");
    let counts = throttle.counts();
    assert_eq!((counts.retries, counts.fallback, counts.allowed), (2, 1, 1));
    assert_eq!(throttle.breaker().expect("there is one").snapshot().failures, 1, "a request is one failure");
}

/// The denial answers a retry, after an attempt that failed.
#[tokio::test(start_paused = true)]
async fn d14_a_denial_after_a_retry_never_reaches_the_fallback() {
    let clock = ManualClock::new();
    let (primary, standby) = (faulty(&clock), faulty(&clock));
    let declared =
        declared_at(&clock).backend("primary", primary.clone()).backend("standby", standby.clone());
    let registry = declared.clock(clock.clone()).build().await.expect("a registry");
    let settings = settings(throttle::retry(3).fallback("standby")).rate("3/min");
    let throttle = registry.create("guarded", settings).expect("a throttle");
    for _ in 0..3 {
        assert!(throttle.hit("a").await.expect("a decision").is_allowed());
    }
    for _ in 0..5 {
        primary.meet(Fault::Refuse(DOWN), 1);
        let denied = throttle.hit("a").await.expect("a decision");
        assert_eq!((denied.is_throttled(), denied.reason()), (true, DecisionReason::Backend));
    }
    assert_eq!((standby.calls(), throttle.counts().retries, throttle.counts().fallback), (0, 5, 0));
}

/// The fallback of another limiter decided about requests that its store had denied, so that twice the limit
/// was admitted.
#[tokio::test(start_paused = true)]
async fn d14_a_denial_is_no_failure_and_never_reaches_the_fallback() {
    for on_error in [ON_ERROR, throttle::fallback("standby"), throttle::retry(3).fallback("standby")] {
        let clock = ManualClock::new();
        let (primary, standby) = (faulty(&clock), faulty(&clock));
        let declared = declared_at(&clock).backend("primary", primary).backend("standby", standby.clone());
        let registry = declared.clock(clock.clone()).build().await.expect("a registry");
        let throttle = registry.create("guarded", settings(on_error).rate("3/min")).expect("a throttle");
        for _ in 0..3 {
            assert!(throttle.hit("a").await.expect("a decision").is_allowed());
        }
        for _ in 0..20 {
            let denied = throttle.hit("a").await.expect("a decision");
            assert_eq!((denied.is_throttled(), denied.reason()), (true, DecisionReason::Backend));
            let never = throttle.hit(Hit::new("a").cost(4)).await.expect("a decision");
            assert!(never.is_throttled() && never.retry_after().is_none());
        }
        assert_eq!(standby.calls(), 0, "{on_error}");
        if let Some(breaker) = throttle.breaker() {
            assert_eq!((breaker.snapshot().state, breaker.snapshot().failures), (State::Closed, 0));
        }
        assert_eq!((throttle.counts().fallback, throttle.counts().retries), (0, 0));
    }
}
