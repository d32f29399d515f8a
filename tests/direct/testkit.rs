//! The tools for tests of programs: assertions, and a backend that fails on command.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use throttle::testkit::{
    Fault, Faulty, assert_allowed, assert_denied, assert_passed, assert_remaining, assert_throttled,
};
use throttle::{DecisionReason, ErrorKind, Hit, ManualClock, OnError, Settings, Throttle, Throttled};

use crate::common::{declared_at, seconds};
use crate::faulty::faulty;

const POLICY: OnError = OnError::Throttle(Duration::from_secs(7));

async fn bench(policy: OnError) -> (Throttle, Faulty) {
    let clock = ManualClock::new();
    let store = faulty(&clock);
    let registry = declared_at(&clock).backend("store", store.clone()).build().await.expect("a registry");
    let settings = Settings::new().rate("2/min").backend("store").on_error(policy);
    (registry.create("test", settings).expect("a throttle"), store)
}

/// Returns the message of a failed assertion.
fn words(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("it fails");
    panic.downcast_ref::<String>().expect("words").clone()
}

#[tokio::test]
async fn assertions_about_decisions_say_what_was_decided() {
    let (throttle, _) = bench(POLICY).await;
    let allowed = throttle.hit("a").await.expect("a decision");
    assert_allowed(&allowed);
    assert_remaining(&allowed, 1);
    let denied = throttle.hit(Hit::new("a").cost(2)).await.expect("a decision");
    assert_denied(&denied, seconds(60));
    let never = throttle.hit(Hit::new("a").cost(3)).await.expect("a decision");
    assert_denied(&never, Duration::ZERO);

    let said = words(|| assert_allowed(&denied));
    assert_eq!(
        said,
        "denied, but should be allowed: it fits after 60s, 1 of 2/min left (decided by Backend)"
    );
    assert!(
        words(|| assert_denied(&allowed, seconds(60)))
            .starts_with("allowed, but should be denied: it fits now")
    );
    for wrong in [Duration::ZERO, Duration::from_micros(59_999_999)] {
        assert!(
            words(|| assert_denied(&denied, wrong)).contains(&format!("it should fit after {wrong:?}: "))
        );
    }
    assert!(words(|| assert_denied(&never, seconds(60))).contains("it never fits"));
    assert!(
        words(|| assert_remaining(&allowed, 2)).starts_with("2 should be left: it fits now, 1 of 2/min left")
    );
}

#[test]
fn assertions_about_responses_say_what_the_client_was_told() {
    let denied = |wait| Throttled::new(wait).into_response();
    assert_passed(&"ok".into_response());
    assert_throttled(&denied(seconds(60)), seconds(60));
    assert_throttled(&denied(Duration::from_micros(1)), Duration::from_micros(1));
    let mut never: Response = "no".into_response();
    *never.status_mut() = axum::http::StatusCode::TOO_MANY_REQUESTS;
    assert_throttled(&never, Duration::ZERO);

    let said = words(|| assert_throttled(&denied(seconds(60)), seconds(61)));
    assert_eq!(said, "`Retry-After` is Some(\"60\"), but should be Some(\"61\")");
    assert!(words(|| assert_throttled(&never, seconds(1))).contains("is None"));
    assert!(words(|| assert_throttled(&denied(seconds(1)), Duration::ZERO)).contains("should be None"));
    assert_eq!(
        words(|| assert_throttled(&"ok".into_response(), seconds(1))),
        "status 200 OK, but should be denied: 429"
    );
    assert!(words(|| assert_passed(&denied(seconds(60)))).contains("`Retry-After` Some(\"60\")"));
}

#[tokio::test(start_paused = true)]
async fn a_backend_fails_as_it_is_told() {
    let (throttle, store) = bench(POLICY).await;
    let hit = async || throttle.hit("a").await.expect("a decision");
    assert_eq!((store.initialized(), store.calls()), (1, 0));

    store.fail(ErrorKind::Connection);
    for _ in 0..3 {
        assert_denied(&hit().await, seconds(7));
    }
    store.heal();
    assert_remaining(&throttle.quotas("a").await.expect("a decision"), 2);

    let before = tokio::time::Instant::now();
    store.hang();
    assert_eq!(hit().await.reason(), DecisionReason::ThrottledOnError);
    assert_eq!(before.elapsed(), Duration::from_millis(100), "the deadline");

    store.meet(Fault::Refuse(ErrorKind::Store), 2);
    assert_denied(&hit().await, seconds(7));
    assert_denied(&hit().await, seconds(7));
    assert_remaining(&hit().await, 1);

    store.meet(Fault::Lose(ErrorKind::Timeout), 1);
    assert_eq!(hit().await.reason(), DecisionReason::ThrottledOnError);
    assert_denied(&hit().await, seconds(60));
    assert_eq!((store.take_calls(), store.take_calls(), store.calls()), (10, 0, 0));
}

#[tokio::test]
async fn an_error_says_whether_somebody_was_charged() {
    let (throttle, store) = bench(OnError::Raise).await;
    for (fault, charged) in [(Fault::Refuse(ErrorKind::Store), false), (Fault::Lose(ErrorKind::Store), true)]
    {
        store.meet(fault, 1);
        let error = throttle.hit("a").await.expect_err("it is raised");
        assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Store, !charged));
    }
}

#[tokio::test]
async fn a_backend_that_cannot_start_stops_the_start() {
    let store = faulty(&ManualClock::new());
    store.can_start(false);
    let error =
        throttle::registry().backend("store", store.clone()).build().await.expect_err("it is required");
    assert!(error.to_string().contains("\"store\""), "{error}");
    store.can_start(true);
    throttle::registry().backend("store", store.clone()).build().await.expect("it starts now");
    assert_eq!(store.initialized(), 2);
}

#[tokio::test]
#[should_panic(expected = "a fault")]
async fn a_backend_panics_as_it_is_told() {
    let (throttle, store) = bench(POLICY).await;
    store.meet(Fault::Panic, 1);
    let _ = throttle.hit("a").await;
}
