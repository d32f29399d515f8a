//! Defects of other limiters that must not occur here, if they are visible from outside and tested in no other
//! file.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as route;
use throttle::backend::Memory;
use throttle::strategy::{
    Adaptive, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue, PriorityQueue,
    QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, Strategy, TieredRate, TokenBucket,
    TokenBucketWithDebt,
};
use throttle::{Hit, ManualClock, Rate, Registry, Settings, Throttle, throttle};

use crate::common::{Broken, declared_at, get, header, number, registry_at, seconds, service, status};

#[throttle(uid = "quick", rate = "1/s", key = "{name}")]
async fn quick(axum::extract::Path(name): axum::extract::Path<String>) -> String {
    name
}

async fn admitted(throttle: &Throttle, attempts: usize) -> usize {
    let mut admitted = 0;
    for _ in 0..attempts {
        admitted += usize::from(throttle.hit("a").await.expect("memory never fails").is_allowed());
    }
    admitted
}

async fn one(strategy: impl Strategy + Copy, rate: &str, clock: &ManualClock) -> Throttle {
    let settings = Settings::new().rate(rate.parse::<Rate>().expect("a rate")).strategy(strategy);
    registry_at(clock).await.create("test", settings).expect("a throttle")
}

/// A wait below a second was reported as no wait (D1), and other waits were rounded down (D19).
#[tokio::test]
async fn d01_d19_a_wait_in_seconds_is_rounded_up() {
    let clock = ManualClock::new();
    let app = service(Router::new().route("/{name}", route(quick)), &registry_at(&clock).await);
    clock.advance(Duration::from_millis(999));
    get(&app, "/a").await;
    let denied = get(&app, "/a").await;
    assert_eq!((denied.status().as_u16(), number(&denied, "retry-after")), (429, Some(1)));
    clock.advance(seconds(1));
    assert_eq!(get(&app, "/a").await.status(), 200);
}

/// The previous window was ignored when two requests raced.
#[tokio::test]
async fn d05_racing_requests_count_the_window_before() {
    let clock = ManualClock::new();
    let throttle = one(SlidingWindowCounter, "100/min", &clock).await;
    assert_eq!(admitted(&throttle, 200).await, 100);
    clock.advance(seconds(90));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let throttle = throttle.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(admitted(&throttle, 100))
            })
        })
        .collect();
    let admitted: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert_eq!(admitted, 50, "half of the window before counts");
}

/// Denied requests were charged: a client that kept sending requests stayed denied forever.
#[tokio::test]
async fn d06_asking_again_and_again_makes_no_wait_longer() {
    d06(FixedWindow).await;
    d06(SlidingWindowLog).await;
    d06(SlidingWindowCounter).await;
    d06(TokenBucket::new()).await;
    d06(LeakyBucket).await;
    d06(Gcra::new().burst(10)).await;
    d06(CostBasedTokenBucket::new()).await;
}

async fn d06(strategy: impl Strategy + Copy) {
    let clock = ManualClock::new();
    let throttle = one(strategy, "10/min", &clock).await;
    assert_eq!(admitted(&throttle, 10).await, 10, "{strategy:?}");
    let wait = throttle.hit("a").await.expect("a decision").retry_after().expect("a wait");
    for _ in 0..10 {
        assert_eq!(admitted(&throttle, 100).await, 0, "{strategy:?}");
        clock.advance(wait / 10);
    }
    clock.advance(Duration::from_micros(9));
    assert!(throttle.hit("a").await.expect("a decision").is_allowed(), "{strategy:?}");
}

/// A request that did not fit took the remaining quota, and restarted the refill. Smaller requests that would
/// have fitted were denied after it, and the wait grew with each denial.
#[tokio::test]
async fn d10_a_denied_request_drains_nothing_and_extends_nothing() {
    d10(FixedWindow).await;
    d10(SlidingWindowLog).await;
    d10(SlidingWindowCounter).await;
    d10(TokenBucket::new()).await;
    d10(TokenBucketWithDebt::new()).await;
    d10(LeakyBucket).await;
    d10(LeakyBucketQueue::new()).await;
    d10(Gcra::new().burst(10)).await;
    d10(CostBasedTokenBucket::new()).await;
    d10(TieredRate::new()).await;
    d10(PriorityQueue::new()).await;
    d10(QuotaWithRollover::new()).await;
    d10(Adaptive::new()).await;
}

async fn d10(strategy: impl Strategy + Clone) {
    drains_nothing(strategy.clone(), "10/min").await;
    // A request that one limit denies drains the other limit neither.
    drains_nothing(strategy, "10/min, 20/hour").await;
}

async fn drains_nothing(strategy: impl Strategy + Clone, rates: &'static str) {
    let clock = ManualClock::new();
    let settings = |strategy| Settings::new().rate(rates).strategy(strategy);
    let registry = registry_at(&clock).await;
    let throttle = registry.create("denied", settings(strategy.clone())).expect("a throttle");
    let untouched = registry.create("untouched", settings(strategy.clone())).expect("a throttle");
    let hit = async |throttle: &Throttle, cost: u64| {
        throttle.hit(Hit::new("a").cost(cost)).await.expect("a decision")
    };
    for throttle in [&throttle, &untouched] {
        assert!(hit(throttle, 7).await.is_allowed(), "{strategy:?}");
    }
    let mut moments = Vec::new();
    for _ in 0..20 {
        // Costs that do not fit now, and costs that never fit.
        for cost in [4, 10, 11, u64::MAX] {
            let denied = hit(&throttle, cost).await;
            let left = untouched.quotas("a").await.expect("a decision");
            for (quota, left) in denied.quotas().iter().zip(left.quotas()) {
                assert_eq!(quota.remaining(), left.remaining(), "{strategy:?}");
            }
            moments.push((cost, denied.is_allowed(), denied.retry_after()));
        }
        let (left, as_before) = (throttle.quotas("a").await, untouched.quotas("a").await);
        let (left, as_before) = (left.expect("a decision"), as_before.expect("a decision"));
        assert_eq!(left.quotas(), as_before.quotas(), "{strategy:?}");
        clock.advance(Duration::from_millis(7));
    }
    assert!(moments.iter().all(|(_, is_allowed, _)| !is_allowed), "{strategy:?}: {moments:?}");
    let waits = |of| moments.iter().filter(move |(cost, ..)| *cost == of).map(|(.., wait)| *wait);
    assert!(waits(4).is_sorted_by(|before, after| before > after), "{strategy:?}: it comes nearer");
    assert!(hit(&throttle, 3).await.is_allowed(), "{strategy:?}: what was left is left");
}

/// The headers contained an unsalted hash of the key, so an address could be found by trying all addresses.
#[tokio::test]
async fn d12_no_field_says_anything_of_the_key() {
    let app = || async {
        let registry = registry_at(&ManualClock::new()).await;
        service(Router::new().route("/{name}", route(quick)), &registry)
    };
    let fields = async |path: &str| {
        let (app, mut fields) = (app().await, Vec::new());
        for _ in 0..2 {
            let answer = get(&app, path).await;
            fields.push(["ratelimit-policy", "ratelimit", "retry-after"].map(|name| header(&answer, name)));
        }
        fields
    };
    assert_eq!(fields("/alice").await, fields("/bob").await);
    assert!(fields("/alice").await.concat().iter().flatten().all(|field| !field.contains("pk=")));
}

/// A limit that could not be parsed was logged and dropped: the route had no limit.
#[tokio::test]
async fn d13_a_rate_that_cannot_be_read_does_not_start() {
    let registry = registry_at(&ManualClock::new()).await;
    let bad = "5 per fortnight".parse::<Rate>().map(|rate| Settings::new().rate(rate));
    assert!(bad.is_err(), "nothing comes of it");
    assert!(registry.create("nothing", Settings::new()).is_err(), "and no throttle is without a rate");
}

/// The state lived for one window although two count, so a part of each window ignored the previous one.
#[tokio::test]
async fn d17_the_window_before_counts_until_it_is_over() {
    let clock = ManualClock::new();
    let throttle = one(SlidingWindowCounter, "60/min", &clock).await;
    assert_eq!(admitted(&throttle, 100).await, 60);
    clock.advance(seconds(60));
    for second in 0..60 {
        let left = throttle.quotas("a").await.expect("a decision").remaining().expect("limited");
        assert_eq!(left, second, "one more each second");
        clock.advance(seconds(1));
    }
}

/// Expired entries were counted before they were removed.
#[tokio::test]
async fn d18_what_has_expired_does_not_count() {
    let clock = ManualClock::new();
    let throttle = one(SlidingWindowLog, "10/min", &clock).await;
    for _ in 0..5 {
        assert_eq!(admitted(&throttle, 20).await, 10);
        clock.advance(seconds(60));
        assert_eq!(throttle.quotas("a").await.expect("a decision").remaining(), Some(10));
    }
    assert!(throttle.hit(Hit::new("a").cost(10)).await.expect("a decision").is_allowed());
}

/// In a full table, too: expired identities are evicted before those that still count.
#[tokio::test]
async fn d18_the_expired_make_room_first() {
    let clock = ManualClock::new();
    let memory = std::sync::Arc::new(Memory::builder().max_keys(64).clock(clock.clone()).build());
    let registry = throttle::registry().backend("memory", memory.clone()).build().await.expect("a registry");
    let throttle = registry.create("test", Settings::new().rate("1/min")).expect("a throttle");
    for _ in 0..5 {
        for key in 0..20_u32 {
            assert!(throttle.hit(key).await.expect("a decision").is_allowed());
        }
        clock.advance(seconds(60));
    }
    assert_eq!(memory.evictions(), 0);
}

#[throttle(uid = "limited", rate = "1/day", key = global)]
async fn limited() {}

#[throttle(uid = "failing", rate = "1/day", key = global, backend = "down", on_error = "raise")]
async fn failing() {}

/// Denials and failures of the store were one kind of error, so an unreachable store looked like a reached
/// limit.
#[tokio::test]
async fn d15_a_failure_is_no_denial_and_a_denial_no_failure() {
    let declared = declared_at(&ManualClock::new()).backend("down", Broken::default());
    let registry = declared.build().await.expect("a registry");
    let router = Router::new().route("/limited", route(limited)).route("/failing", route(failing));
    let app = service(router, &registry);
    assert_eq!(status(&app, "/limited").await, StatusCode::OK);
    for _ in 0..3 {
        assert_eq!(status(&app, "/limited").await, StatusCode::TOO_MANY_REQUESTS);
        let failed = get(&app, "/failing").await;
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(header(&failed, "retry-after"), None, "nobody knows a time");
    }
    let [limited, failing] = ["limited", "failing"].map(|uid| registry.get(uid).expect("used"));
    assert_eq!((limited.counts().denied, limited.counts().raised), (3, 0));
    assert_eq!((failing.counts().denied, failing.counts().raised), (0, 3));
    assert!(limited.hit("other").await.is_ok() && failing.hit("other").await.is_err());
}

/// Data of one request stayed for later requests on the same thread, and was never freed.
#[tokio::test(flavor = "current_thread")]
async fn d16_a_scope_ends_with_its_future_and_holds_nothing() {
    let token = std::sync::Arc::new(());
    let outer = Registry::current();
    let same = |registry: &Registry| registry.get("scoped").is_none();
    for end in 0..3 {
        let registry = registry_at(&ManualClock::new()).await;
        let held = std::sync::Arc::clone(&token);
        let rate = move || {
            let held = std::sync::Arc::clone(&held);
            async move {
                drop(held);
                Rate::per_minute(5)
            }
        };
        registry.create("scoped", Settings::new().rate(rate)).expect("a throttle");
        let scope = registry.scope(async move {
            assert!(Registry::current().get("scoped").is_some());
            match end {
                0 => {}
                1 => std::future::pending().await,
                _ => panic!("a handler panics"),
            }
        });
        drop(registry);
        let ended = tokio::time::timeout(Duration::from_millis(1), async {
            let mut scope = Box::pin(scope);
            std::future::poll_fn(|context| {
                let poll = || scope.as_mut().poll(context);
                let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll));
                assert!(same(&Registry::current()), "between two polls it is that of all others");
                polled.unwrap_or(std::task::Poll::Ready(()))
            })
            .await;
        });
        assert_eq!(ended.await.is_err(), end == 1);
        assert!(same(&Registry::current()) && same(&outer));
        assert_eq!(std::sync::Arc::strong_count(&token), 1, "it is freed with its future, {end}");
    }
}
