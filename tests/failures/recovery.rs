//! The stages before a failed decision reaches `on_error`: behaviours 43 to 51 and 63, stories 18 and 19.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get as route;
use throttle::testkit::{Fault, Faulty};
use throttle::{
    CircuitBreaker, DecisionReason, ErrorKind, ManualClock, Recovery, Registry, Settings, Throttle, failover,
    fallback, retry, throttle,
};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Level;

use crate::common::{declared_at, events, service, status};
use crate::faulty::faulty;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Two faulty backends, `primary` and `standby`, and a throttle of 5 per minute on the first one.
struct Bench {
    primary: Faulty,
    standby: Faulty,
    registry: Registry,
    throttle: Throttle,
}

impl Bench {
    async fn new(on_error: Recovery) -> Self {
        Self::with(Settings::new().on_error(on_error)).await
    }

    async fn with(settings: Settings) -> Self {
        let clock = ManualClock::new();
        let (primary, standby) = (faulty(&clock), faulty(&clock));
        let declared =
            declared_at(&clock).backend("primary", primary.clone()).backend("standby", standby.clone());
        let registry = declared.build().await.expect("a registry");
        let throttle =
            registry.create("tried", settings.rate("5/min").backend("primary")).expect("nothing is wrong");
        Self { primary, standby, registry, throttle }
    }

    /// Returns the result of the next hit: its source, or its error.
    async fn hit(&self) -> Result<(bool, DecisionReason), String> {
        let decision = self.throttle.hit("a").await.map_err(|error| error.to_string())?;
        Ok((decision.is_allowed(), decision.reason()))
    }
}

#[tokio::test(start_paused = true)]
async fn b043_the_fallback_decides_about_the_same_key_limits_and_cost() {
    let bench = Bench::new(fallback("standby")).await;
    bench.primary.fail(ErrorKind::Connection);
    for _ in 0..5 {
        assert_eq!(bench.hit().await, Ok((true, DecisionReason::Fallback)));
    }
    assert_eq!(bench.hit().await, Ok((false, DecisionReason::Fallback)));
    let other = bench.throttle.hit("b").await.expect("a decision");
    assert_eq!((other.is_allowed(), other.remaining()), (true, Some(4)), "another key has its own");
    let dear = bench.throttle.hit(throttle::Hit::new("c").cost(6)).await.expect("a decision");
    assert!(dear.is_never(), "at the same cost");
    let counts = bench.throttle.counts();
    assert_eq!((counts.allowed, counts.denied, counts.fallback), (6, 2, 8));
}

#[tokio::test(start_paused = true)]
async fn b044_another_kind_of_error_leaves_the_fallback_alone() {
    let bench = Bench::new(fallback("standby").fallback_on(&[ErrorKind::Connection])).await;
    bench.primary.fail(ErrorKind::Store);
    assert_eq!(bench.hit().await, Err("a fault of the kind Store".to_owned()));
    assert_eq!(bench.standby.take_calls(), 0);
    bench.primary.fail(ErrorKind::Connection);
    assert_eq!(bench.hit().await, Ok((true, DecisionReason::Fallback)));
}

#[tokio::test(start_paused = true)]
async fn b045_the_error_of_a_fallback_that_fails_too_is_the_answer_and_the_first_one_its_source() {
    let bench = Bench::new(fallback("standby")).await;
    bench.primary.fail(ErrorKind::Connection);
    bench.standby.fail(ErrorKind::Store);
    let error = bench.throttle.hit("a").await.expect_err("both are down");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Store, "a fault of the kind Store".to_owned()));
    let first = error.source().expect("the error of the first one");
    assert_eq!(first.to_string(), "a fault of the kind Connection");

    let bench = Bench::new(fallback("standby").otherwise("allow")).await;
    bench.primary.fail(ErrorKind::Connection);
    bench.standby.fail(ErrorKind::Store);
    assert_eq!(bench.hit().await, Ok((true, DecisionReason::AllowedOnError)));
}

#[tokio::test(start_paused = true)]
async fn b046_a_fallback_that_nobody_initialised_is_initialised_once() {
    let clock = ManualClock::new();
    let (primary, standby) = (faulty(&clock), faulty(&clock));
    standby.can_start(false);
    let declared =
        declared_at(&clock).backend("primary", primary.clone()).backend("standby", standby.clone());
    let registry = declared.require_backends(false).build().await.expect("it starts all the same");
    assert_eq!(standby.initialized(), 1, "which did not work");
    let settings = Settings::new().rate("5/min").backend("primary").on_error(fallback("standby"));
    let throttle = registry.create("late", settings).expect("nothing is wrong");
    primary.fail(ErrorKind::Connection);
    standby.can_start(true);
    let mut hits = JoinSet::new();
    for _ in 0..20 {
        let throttle = throttle.clone();
        hits.spawn(async move { throttle.hit("a").await.is_ok_and(|decision| decision.is_allowed()) });
    }
    assert_eq!(hits.join_all().await.into_iter().filter(|allowed| *allowed).count(), 5);
    assert_eq!(standby.initialized(), 2);
}

#[tokio::test(start_paused = true)]
async fn b047_b063_a_primary_that_hangs_ends_in_the_fallback_within_the_deadline() {
    let bench = Bench::new(fallback("standby")).await;
    bench.primary.hang();
    let before = Instant::now();
    assert_eq!(bench.hit().await, Ok((true, DecisionReason::Fallback)));
    assert_eq!(before.elapsed(), 100 * MILLISECOND);
}

#[tokio::test(start_paused = true)]
async fn b048_three_retries_after_100_200_and_400_milliseconds() {
    let bench = Bench::new(retry(3)).await;
    bench.primary.fail(ErrorKind::Connection);
    let before = Instant::now();
    assert_eq!(bench.hit().await, Err("a fault of the kind Connection".to_owned()));
    assert_eq!(before.elapsed(), 700 * MILLISECOND);
    assert_eq!((bench.primary.take_calls(), bench.throttle.counts().retries), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn b049_what_is_not_to_be_retried_is_asked_once() {
    let bench = Bench::new(retry(3).retry_on(&[ErrorKind::Timeout])).await;
    bench.primary.fail(ErrorKind::Store);
    assert_eq!(bench.hit().await, Err("a fault of the kind Store".to_owned()));
    assert_eq!(bench.primary.take_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_charged_is_asked_once() {
    let bench = Bench::new(retry(3)).await;
    bench.primary.meet(Fault::Lose(ErrorKind::Connection), 1);
    assert_eq!(bench.hit().await, Err("a fault of the kind Connection".to_owned()));
    assert_eq!(bench.primary.take_calls(), 1);
    assert_eq!(bench.throttle.quotas("a").await.expect("healed").remaining(), Some(4), "charged once");
    bench.primary.take_calls();
    bench.primary.hang();
    assert!(bench.hit().await.is_err());
    assert_eq!(bench.primary.take_calls(), 1, "nor is what was not answered in time");
}

#[tokio::test(start_paused = true)]
async fn b050_the_third_attempt_counts_once() {
    let bench = Bench::new(retry(3)).await;
    bench.primary.meet(Fault::Refuse(ErrorKind::Connection), 2);
    assert_eq!(bench.hit().await, Ok((true, DecisionReason::Backend)));
    assert_eq!(bench.throttle.quotas("a").await.expect("healed").remaining(), Some(4));
}

#[tokio::test(start_paused = true)]
async fn b051_no_retries_is_the_first_error() {
    let bench = Bench::new(retry(0)).await;
    bench.primary.fail(ErrorKind::Connection);
    assert_eq!(bench.hit().await, Err("a fault of the kind Connection".to_owned()));
    assert_eq!(bench.primary.take_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_budget_ends_the_retries() {
    let settings = Settings::new().on_error(retry(3).fallback("standby")).total_timeout(250 * MILLISECOND);
    let bench = Bench::with(settings).await;
    bench.primary.fail(ErrorKind::Connection);
    let before = Instant::now();
    assert_eq!(bench.hit().await, Ok((true, DecisionReason::Fallback)));
    assert_eq!(
        (before.elapsed(), bench.primary.take_calls()),
        (100 * MILLISECOND, 2),
        "200 ms more are not there"
    );
    // An attempt has the time that is left of the budget.
    let settings = Settings::new().on_error(retry(3).fallback("standby")).total_timeout(150 * MILLISECOND);
    let bench = Bench::with(settings.timeout(100 * MILLISECOND)).await;
    bench.primary.fail(ErrorKind::Connection);
    let hit = async {
        let before = Instant::now();
        (bench.hit().await, before.elapsed())
    };
    let hang = async {
        tokio::time::sleep(50 * MILLISECOND).await;
        bench.primary.hang();
    };
    let ((hit, took), ()) = tokio::join!(hit, hang);
    assert_eq!((hit, took), (Ok((true, DecisionReason::Fallback)), 150 * MILLISECOND));
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_what_the_attempts_and_waits_come_to() {
    let bench = Bench::new(retry(3)).await;
    let settled = bench.throttle.settings().describe();
    let budget = settled.iter().find(|(name, _)| *name == "total_timeout").map(|(_, value)| value.as_str());
    assert_eq!(budget, Some("1.1s"), "four times 100 ms, and 700 ms of waits");
}

#[tokio::test(start_paused = true)]
async fn a_share_is_all_that_the_fallback_gives() {
    let bench = Bench::new(fallback("standby").share(1, 2)).await;
    bench.primary.fail(ErrorKind::Connection);
    let mut allowed = 0;
    while bench.hit().await == Ok((true, DecisionReason::Fallback)) {
        allowed += 1;
    }
    assert_eq!(allowed, 2);
}

#[tokio::test]
async fn what_a_recovery_names_is_checked_at_the_start() {
    let clock = ManualClock::new();
    let registry = declared_at(&clock).build().await.expect("a registry");
    let problem = |name: &'static str| {
        let settings = Settings::new().rate("5/min").on_error(fallback(name));
        registry.create("wrong", settings).expect_err("a mistake").problems().join("")
    };
    assert_eq!(
        problem("standby"),
        "`wrong` falls back to the backend \"standby\", which is not declared. Declared backends: \"memory\""
    );
    assert_eq!(
        problem("memory"),
        "`wrong` runs on \"memory\" and falls back to the same backend: name another backend"
    );
}

#[tokio::test]
async fn a_default_may_name_the_backend_of_some() {
    let clock = ManualClock::new();
    let defaults = Settings::new().rate("1/min").on_error(fallback("memory")).backend("primary");
    let declared = declared_at(&clock).backend("primary", faulty(&clock)).defaults(defaults);
    let registry = declared.build().await.expect("nothing is wrong");
    let own = registry.create("in-memory", Settings::new().backend("memory")).expect("it has no other");
    assert!(own.hit("a").await.expect("a decision").is_allowed());
    registry.create("in-the-store", Settings::new()).expect("it falls back to memory");
}

#[throttle(rate = "2/min", backend = "primary", on_error = fallback("standby").otherwise("throttle"))]
async fn s18_in_an_attribute() {}

#[throttle(
    rate = "2/min",
    backend = "primary",
    on_error = retry(2).delay(Duration::from_millis(10)).retry_on(&[ErrorKind::Connection]),
)]
async fn s19_retried() {}

#[tokio::test(start_paused = true)]
async fn s18_s19_in_attributes() {
    let bench = Bench::new(fallback("standby")).await;
    let app = Router::new().route("/standby", route(s18_in_an_attribute)).route("/again", route(s19_retried));
    let app = service(app, &bench.registry);
    bench.primary.fail(ErrorKind::Connection);
    assert_eq!(status(&app, "/standby").await, StatusCode::OK);
    assert_eq!(status(&app, "/standby").await, StatusCode::OK);
    assert_eq!(status(&app, "/standby").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&app, "/again").await, StatusCode::INTERNAL_SERVER_ERROR);
    bench.primary.meet(Fault::Refuse(ErrorKind::Connection), 2);
    assert_eq!(status(&app, "/again").await, StatusCode::OK);
}

/// Two throttles on one handler: the charge of one on the fallback is refunded when the other denies.
#[throttle(rate = "5/min", uid = "wide", key = key_global, backend = "primary", on_error = fallback("standby"))]
#[throttle(rate = "1/min", uid = "narrow", backend = "primary", on_error = fallback("standby"))]
async fn both() {}

async fn key_global() -> &'static str {
    "all"
}

#[tokio::test(start_paused = true)]
async fn what_the_fallback_took_for_a_denied_request_is_given_back() {
    let bench = Bench::new(fallback("standby")).await;
    let app = service(Router::new().route("/", route(both)), &bench.registry);
    bench.primary.fail(ErrorKind::Connection);
    assert_eq!(status(&app, "/").await, StatusCode::OK);
    for _ in 0..3 {
        assert_eq!(status(&app, "/").await, StatusCode::TOO_MANY_REQUESTS);
    }
    let wide = bench.registry.get("wide").expect("used");
    assert_eq!(wide.quotas("all").await.expect("by the fallback").remaining(), Some(4));
}

/// A request that timed out may have been charged, so it is not retried. The log reports this before the first
/// request.
#[tokio::test]
async fn f35_settings_that_retry_after_timeouts_are_reported_at_startup() {
    let registry = declared_at(&ManualClock::new()).backend("store", faulty(&ManualClock::new()));
    let registry = registry.build().await.expect("a registry");
    let warnings = |uid: &str, on_error: Recovery, backend: &'static str| {
        events::listen();
        let settings = Settings::new().rate("5/min").backend(backend).on_error(on_error);
        registry.create(uid, settings).expect("settings that work");
        events::seen(Level::WARN)
    };
    let on_timeouts = retry(3).retry_on(&[ErrorKind::Timeout]);
    let [warning] = &warnings("timeouts", on_timeouts, "store")[..] else { panic!("one warning") };
    for part in ["uid=\"timeouts\"", "backend=\"store\"", "cannot recognise", "`otherwise`"] {
        assert!(warning.contains(part), "{warning}");
    }
    let both =
        failover("memory", CircuitBreaker::new()).retry_on(&[ErrorKind::Connection, ErrorKind::Timeout]);
    assert_eq!(warnings("both", both, "store").len(), 1);
    assert!(warnings("by default", retry(3), "store").is_empty());
    let lost = retry(3).retry_on(&[ErrorKind::Connection]);
    assert!(warnings("connections", lost, "store").is_empty());
    assert!(warnings("memory", on_timeouts, "memory").is_empty(), "memory has no timeouts");
}
