//! Switches, scopes, counters and shutdown: behaviours 10, 104, 113, 118, 119 and 120, story 9.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as route;
use common::{Broken, Counted, declared_at, events, registry_at, service, status};
use throttle::backend::Memory;
use throttle::{DecisionReason, ManualClock, Rate, Registry, Settings, registry, sites, throttle};
use tracing::Level;

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

#[throttle(uid = "one", rate = "2/min")]
async fn one() {}

#[throttle(uid = "two", rate = "1/min")]
async fn two() {}

#[throttle(rate = "1/min, 5/hour", key = header("x-user"), on_error = "allow")]
async fn derived() {}

async fn app(registry: &Registry) -> Router {
    let router =
        Router::new().route("/one", route(one)).route("/two", route(two)).route("/derived", route(derived));
    service(router, registry)
}

#[tokio::test]
async fn b104_one_throttle_is_switched_off_and_on() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry).await;
    assert_eq!(status(&app, "/one").await, OK);
    assert!(registry.disable("one"));
    for _ in 0..5 {
        assert_eq!(status(&app, "/one").await, OK);
    }
    assert_eq!([status(&app, "/two").await, status(&app, "/two").await], [OK, DENIED], "the others hold");
    assert!(registry.enable("one"));
    assert_eq!(
        [status(&app, "/one").await, status(&app, "/one").await],
        [OK, DENIED],
        "the old count goes on"
    );
    assert!(!registry.disable("unknown") && !registry.enable("unknown"));
    assert_eq!(registry.get("one").expect("used").counts().skipped, 5);
}

#[tokio::test]
async fn b104_a_throttle_can_be_switched_off_before_its_first_use() {
    let registry = registry_at(&ManualClock::new()).await;
    assert!(registry.disable("two"));
    let app = app(&registry).await;
    assert_eq!([status(&app, "/two").await, status(&app, "/two").await], [OK, OK]);
}

#[tokio::test]
async fn b104_b119_all_throttles_are_switched_off_and_on() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry).await;
    registry.disable_all();
    assert!(registry.enable("one"), "an own switch does not beat that of all");
    for path in ["/one", "/two", "/one", "/two", "/one"] {
        assert_eq!(status(&app, path).await, OK);
    }
    let program = registry.create("program", Settings::new().rate("1/min")).expect("a throttle");
    assert_eq!(program.hit("a").await.expect("a decision").reason(), DecisionReason::Disabled);
    registry.enable_all();
    assert_eq!([status(&app, "/two").await, status(&app, "/two").await], [OK, DENIED]);
}

/// All paths of a decision: without a future, in memory, with functions, and several throttles together.
#[tokio::test]
async fn b119_all_throttles_run_dry_and_are_enforced_again() {
    async fn one_unit() -> u32 {
        1
    }
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry).await;
    let settings = [
        Settings::new().rate("1/min"),
        Settings::new().rate("1/min, 5/hour"),
        Settings::new().rate("1/min").cost(one_unit),
        Settings::new().rate("1/min").dry_run(true),
    ];
    let throttles: Vec<_> = (0..settings.len())
        .map(|number| registry.create(&format!("t{number}"), settings[number].clone()).expect("a throttle"))
        .collect();
    registry.set_dry_run(true);
    for _ in 0..3 {
        let response = common::get(&app, "/two").await;
        assert_eq!((response.status(), common::header(&response, "ratelimit")), (OK, None));
        for throttle in &throttles {
            assert!(throttle.hit("a").await.expect("a decision").is_allowed());
        }
    }
    for counts in throttles.iter().chain(&registry.get("two")).map(throttle::Throttle::counts) {
        assert_eq!((counts.allowed, counts.would_deny, counts.denied, counts.skipped), (1, 2, 0, 0));
    }
    registry.disable_all();
    assert_eq!(
        throttles[0].hit("a").await.expect("a decision").reason(),
        DecisionReason::Disabled,
        "off wins"
    );
    registry.enable_all();
    assert_eq!(throttles[0].hit("a").await.expect("a decision").reason(), DecisionReason::DryRun);
    registry.set_dry_run(false);
    assert_eq!(status(&app, "/two").await, DENIED);
    let allowed =
        async |throttle: &throttle::Throttle| throttle.hit("a").await.expect("a decision").is_allowed();
    for (number, throttle) in throttles.iter().enumerate() {
        assert_eq!(allowed(throttle).await, number == 3, "only the last one is dry by itself");
    }
}

#[tokio::test]
async fn b113_scopes_nest_and_leaving_restores_the_outer() {
    let name = || Registry::current().namespace().to_owned();
    let outer = registry().namespace("outer").build().await.expect("a registry");
    let inner = registry().namespace("inner").build().await.expect("a registry");
    outer
        .scope(async {
            assert_eq!(name(), "outer");
            tokio::task::yield_now().await;
            inner.scope(async { assert_eq!(name(), "inner") }).await;
            assert_eq!(name(), "outer");
        })
        .await;
    assert_eq!(name(), "");
}

#[tokio::test]
async fn b010_registries_do_not_share_counts() {
    let clock = ManualClock::new();
    for _ in 0..2 {
        let app = app(&registry_at(&clock).await).await;
        assert_eq!([status(&app, "/two").await, status(&app, "/two").await], [OK, DENIED]);
    }
}

#[tokio::test]
async fn s09_namespaces_keep_apart_what_shares_a_store() {
    let backend = Counted::default();
    for namespace in ["shop", "blog", "shop:1", ""] {
        let declared = registry().namespace(namespace).backend("memory", backend.clone());
        let app = app(&declared.build().await.expect("a registry")).await;
        assert_eq!([status(&app, "/two").await, status(&app, "/two").await], [OK, DENIED], "{namespace:?}");
    }
}

#[tokio::test]
async fn b120_s09_every_backend_is_closed_exactly_once() {
    let (first, second) = (Counted::default(), Counted::default());
    let declared = registry().backend("memory", first.clone()).backend("second", second.clone());
    let registry = declared.build().await.expect("a registry");
    let clone = registry.clone();
    let (a, b) = tokio::join!(registry.close(), clone.close());
    a.and(b).expect("closed");
    registry.close().await.expect("closed before");
    for backend in [first, second] {
        assert_eq!(backend.initialized.load(Ordering::SeqCst), 1);
        assert_eq!(backend.closed.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn b120_a_backend_under_two_names_is_one_backend() {
    let backend = Arc::new(Counted::default());
    let declared = registry().backend("memory", Arc::clone(&backend)).backend("second", Arc::clone(&backend));
    let registry = declared.build().await.expect("a registry");
    registry.close().await.expect("closed");
    let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::SeqCst);
    assert_eq!((count(&backend.initialized), count(&backend.closed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_hangs_holds_up_neither_start_nor_end_for_long() {
    #[derive(Debug)]
    struct Hanging;

    impl throttle::backend::Backend for Hanging {
        fn decide<'a>(
            &'a self,
            _: &'a [throttle::backend::Charge<'a>],
            _: throttle::backend::Mode,
        ) -> throttle::backend::Reply<'a, throttle::backend::Verdict> {
            throttle::NowOrLater::later(std::future::pending())
        }

        fn refund<'a>(
            &'a self,
            _: &'a [throttle::backend::Charge<'a>],
            _: u64,
        ) -> throttle::backend::Reply<'a, ()> {
            throttle::NowOrLater::later(std::future::pending())
        }

        fn initialize(&self) -> throttle::backend::Reply<'_, ()> {
            throttle::NowOrLater::later(std::future::pending())
        }

        fn reset(&self) -> throttle::backend::Reply<'_, ()> {
            throttle::NowOrLater::later(std::future::pending())
        }

        fn close(&self) -> throttle::backend::Reply<'_, ()> {
            throttle::NowOrLater::later(std::future::pending())
        }
    }

    let before = tokio::time::Instant::now();
    let error = registry().backend("main", Hanging).build().await.expect_err("never up").to_string();
    assert!(error.contains("\"main\" cannot be initialised: no reply within 5s"), "{error}");
    assert_eq!(before.elapsed(), common::seconds(10), "five to come up, five to be closed");
}

#[tokio::test]
async fn b010_a_program_cannot_take_the_uid_of_an_attribute() {
    let registry = Registry::default();
    let error = registry.create("one", Settings::new().rate("9/s")).expect_err("taken").to_string();
    assert!(error.contains("belongs to an attribute at") && error.contains("registry.rs:"), "{error}");
    assert_eq!(status(&app(&registry).await, "/one").await, OK);
}

#[tokio::test]
async fn resetting_forgets_every_count() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry).await;
    assert_eq!([status(&app, "/two").await, status(&app, "/two").await], [OK, DENIED]);
    registry.reset().await.expect("reset");
    assert_eq!(status(&app, "/two").await, OK);
}

#[tokio::test]
async fn every_attribute_is_listed_with_its_place_and_its_settings() {
    let sites = sites();
    let uids: Vec<_> = sites.iter().map(|site| site.uid()).collect();
    assert_eq!(uids, ["one", "two", "registry::derived"]);
    let derived = sites[2];
    assert!(derived.location().file().ends_with("registry.rs"));
    let said = derived.settings().describe();
    let text = |name| said.iter().find(|(setting, _)| *setting == name).map(|(_, text)| text.as_str());
    assert_eq!(text("rate"), Some("1/min, 5/hour"));
    assert_eq!(text("key"), Some("header(\"x-user\")"));
    assert_eq!(text("on_error"), Some("allow"));
}

#[tokio::test]
async fn b118_everything_is_counted_and_nobody_is_named() {
    events::listen();
    let registry = registry().backend("memory", Broken::default()).build().await.expect("a registry");
    let settings = Settings::new().rate("1/min").on_error("allow");
    let open = registry.create("open", settings).expect("a throttle");
    for _ in 0..3 {
        let _ = open.hit("alice@example.org").await.expect("allowed");
    }
    assert_eq!(open.counts().allowed_on_error, 3);
    let denying = Registry::default().create("denying", Settings::new().rate("1/day")).expect("a throttle");
    for _ in 0..4 {
        let _ = denying.hit("alice@example.org").await.expect("a decision");
    }
    let counts = denying.counts();
    assert_eq!((counts.allowed, counts.denied), (1, 3));
    let log = events::seen(Level::WARN).concat();
    assert!(log.contains("uid=\"open\""), "{log}");
    assert!(!log.contains("alice"), "{log}");
    let debug = format!("{registry:?} {open:?} {counts:?}");
    assert!(!debug.contains("alice"), "{debug}");
}

#[tokio::test]
async fn defaults_settle_what_nobody_says() {
    let settings = Settings::new().strategy(throttle::strategy::Gcra::new()).backend("other");
    let other = Memory::builder().clock(ManualClock::new()).build();
    let declared = declared_at(&ManualClock::new()).backend("other", other).defaults(settings);
    let registry = declared.build().await.expect("a registry");
    let app = app(&registry).await;
    assert_eq!([status(&app, "/one").await, status(&app, "/one").await], [OK, DENIED], "evenly spaced");
    let said = format!("{:?}", registry.get("one").expect("used").settings());
    assert!(said.contains("Gcra") && said.contains("\"other\""), "{said}");
}

#[tokio::test]
async fn a_registry_that_is_gone_keeps_nothing() {
    let memory = Arc::new(Memory::new());
    let registry = registry().backend("memory", Arc::clone(&memory)).build().await.expect("a registry");
    let throttle = registry.create("t", Settings::new().rate("1/min")).expect("a throttle");
    assert!(throttle.hit("a").await.expect("a decision").is_allowed());
    drop((registry, throttle));
    assert_eq!(Arc::strong_count(&memory), 1);
}

/// A `main` that returns an error prints its `Debug` text.
#[tokio::test]
async fn f24_debug_is_the_report() {
    let error =
        registry().ipv6_prefix(200).trusted_proxies(["nonsense"]).build().await.expect_err("two mistakes");
    assert_eq!(format!("Error: {error:?}"), format!("Error: {error}"));
    assert!(format!("{error:?}").starts_with("throttle is misconfigured in 2 places:\n  - "), "{error:?}");
    let boxed: Box<dyn std::error::Error> = error.into();
    assert!(!format!("{boxed:?}").contains("problems"), "{boxed:?}");
    let rate = "10/fortnight".parse::<Rate>().expect_err("no unit");
    assert_eq!(format!("{rate:?}"), rate.to_string());
    let cause = std::io::Error::other("the cause");
    let failed = throttle::BackendError::with_source(throttle::ErrorKind::Connection, "no connection", cause);
    assert_eq!(format!("{failed:?}"), "no connection: the cause");
    let refused = throttle::ThrottleError::from(failed);
    assert_eq!(format!("{refused:?}"), "the rate limiter's backend failed: no connection: the cause");
}

/// An unreachable server is not a mistake in the configuration.
#[tokio::test]
async fn f24_an_unreachable_server_is_named_once_and_not_called_misconfigured() {
    // A bound port that does not listen: no other socket can take it meanwhile.
    let gone = tokio::net::TcpSocket::new_v4().expect("a socket");
    gone.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = gone.local_addr().expect("an address").to_string();
    let redis = throttle::backend::Redis::new(&format!("redis://{address}")).expect("an address");
    let memcached = throttle::backend::Memcached::new([&address]);
    for registry in [registry().backend("store", redis), registry().backend("store", memcached)] {
        let error = registry.build().await.expect_err("nothing listens there");
        let report = format!("{error:?}");
        assert!(report.starts_with("throttle cannot start: the backend \"store\""), "{report}");
        assert!(!report.contains("misconfigured"), "{report}");
        assert_eq!(report.matches(&address).count(), 1, "{report}");
    }
}

/// The source of a decision is counted within its outcome. A settlement has no outcome of its own.
#[tokio::test]
async fn f47_a_settlement_counts_no_source() {
    use throttle::{CircuitBreaker, Hit, failover, fallback};

    let clock = ManualClock::new();
    let declared = declared_at(&clock).backend("down", Broken::default()).clock(clock.clone());
    let registry = declared.build().await.expect("a registry");
    let breaker = CircuitBreaker::new().failure_threshold(1);
    for (name, on_error) in [("a", fallback("memory")), ("b", failover("memory", breaker).retries(0))] {
        let settings = Settings::new().rate("20/min").backend("down").on_error(on_error);
        let throttle = registry.create(name, settings).expect("a throttle");
        // Refunds, charges, a charge of a part, and a charge of nothing.
        for cost in [0, 2, 5, 100, 100] {
            let reservation = throttle.reserve(Hit::new("a").cost(2)).await.expect("the fallback decides");
            reservation.settle(cost).await.expect("the fallback never fails");
        }
        let counts = throttle.counts();
        assert_eq!((counts.allowed, counts.denied), (4, 1), "{name}: {counts:?}");
        assert_eq!(counts.fallback + counts.breaker_open, counts.decisions(), "{name}: {counts:?}");
    }
}

/// A stacked graph of the outcomes is correct: each decision is in exactly one of them.
#[tokio::test]
async fn f47_outcomes_add_up_to_the_number_of_decisions() {
    let clock = ManualClock::new();
    let memory = || Memory::builder().clock(clock.clone()).build();
    let broken = Broken::default;
    let registry = declared_at(&clock).backend("other", memory()).backend("down", broken()).build().await;
    let registry = registry.expect("a registry");
    let ten = Settings::new().rate("10/min");
    let kinds = [
        ("plain", ten.clone()),
        ("dry", ten.clone().dry_run(true)),
        ("degrade", ten.clone().degrade(true)),
        ("unlimited", Settings::new().rate(Rate::UNLIMITED)),
        ("class", ten.clone().class("premium")),
        ("max_concurrent", ten.clone().max_concurrent(2)),
        ("allow", ten.clone().backend("down").on_error("allow")),
        ("throttle", ten.clone().backend("down").on_error("throttle")),
        ("raise", ten.clone().backend("down").on_error("raise")),
        ("retry", ten.clone().backend("down").on_error(throttle::retry(1).delay(std::time::Duration::ZERO))),
        ("fallback", ten.clone().backend("down").on_error(throttle::fallback("other"))),
    ];
    for (name, settings) in kinds {
        let throttle = registry.create(name, settings).expect("a throttle");
        let mut expected = 0;
        let counted = |expected: u64, what: &str| {
            let counts = throttle.counts();
            assert_eq!(counts.decisions(), expected, "{name}, {what}: {counts:?}");
        };
        for _ in 0..15 {
            let _ = throttle.hit("a").await;
            expected += 1;
        }
        counted(expected, "hits");
        let _ = throttle.hit(throttle::Hit::new("a").cost(0)).await;
        let _ = throttle.hit(throttle::Hit::new("a").cost(u64::MAX)).await;
        expected += 2;
        counted(expected, "free and too large");
        // Queries are not counted either.
        let _ = (throttle.peek("a").await, throttle.quotas("a").await);
        counted(expected, "questions");
        for _ in 0..3 {
            if let Ok(reservation) = throttle.reserve("b").await {
                let _ = reservation.refund().await;
            }
            expected += 1;
        }
        counted(expected, "refunds");
        let held = [throttle.permit("c").await, throttle.permit("c").await, throttle.permit("c").await];
        expected += 3;
        counted(expected, "in flight");
        drop(held);
        registry.disable(name);
        let _ = throttle.hit("a").await;
        registry.enable(name);
        counted(throttle.counts().decisions(), "disabled");
        assert!(throttle.counts().decisions() <= expected + 1, "{name}");
    }
}
