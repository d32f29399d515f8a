//! Concurrency limits on handlers: the requests that pass, and the responses to the others.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get as route;
use throttle::{DecisionReason, ManualClock, Registry, Throttled, throttle};
use tokio::task::JoinSet;

use crate::common::{get, get_from, header, number, registry_at, send, service, status, text};
use crate::gate::{Gate, request, start, status_of};
use crate::{DENIED, OK};

const TWO: u32 = 2;

#[throttle(uid = "in-flight", max_concurrent = 10)]
async fn ten(State(gate): State<Arc<Gate>>) -> &'static str {
    gate.wait().await;
    "ok"
}

async fn is_staff(headers: HeaderMap) -> bool {
    headers.contains_key("x-staff")
}

async fn nothing(headers: HeaderMap) -> u64 {
    u64::from(!headers.contains_key("x-free"))
}

#[throttle(uid = "two", max_concurrent = TWO, exempt = is_staff, cost = nothing, bypass = "/health")]
async fn two(State(gate): State<Arc<Gate>>) {
    gate.wait().await;
}

async fn busy(throttled: Throttled) -> String {
    format!("{:?} {:?} {:?}", throttled.max_concurrent(), throttled.reason(), throttled.limits())
}

#[throttle(uid = "told", max_concurrent = 1, handler = busy)]
async fn told(State(gate): State<Arc<Gate>>) {
    gate.wait().await;
}

#[throttle(uid = "shadow", max_concurrent = 1, dry_run)]
async fn shadow(State(gate): State<Arc<Gate>>) {
    gate.wait().await;
}

async fn app() -> (Router, Registry, Arc<Gate>) {
    let (registry, gate) = (registry_at(&ManualClock::new()).await, Gate::new());
    let router = Router::new()
        .route("/ten", route(ten))
        .route("/two", route(two))
        .route("/health", route(two))
        .route("/told", route(told))
        .route("/shadow", route(shadow))
        .with_state(Arc::clone(&gate));
    (service(router, &registry), registry, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_as_may_be_are_in_flight() {
    let (app, registry, gate) = app().await;
    for round in 0..3 {
        let mut all: JoinSet<_> = (0..50)
            .map(|_| {
                let app = app.clone();
                async move { status(&app, "/ten").await }
            })
            .collect();
        for _ in 0..40 {
            assert_eq!(all.join_next().await.expect("an answer").expect("no panic"), DENIED);
        }
        gate.filled(10).await;
        assert!(gate.is_quiet(), "more are in flight than may be");
        gate.let_go(10);
        assert_eq!(all.join_all().await, [OK; 10], "round {round}");
    }
    let counts = registry.get("in-flight").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied, counts.skipped), (30, 120, 0));
}

#[tokio::test]
async fn identities_are_apart_and_have_places_of_their_own() {
    let (app, _, gate) = app().await;
    for peer in [[192, 0, 2, 1], [192, 0, 2, 2]] {
        let held: Vec<_> = (0..2).map(|_| start(&app, get_from(peer, "/two"))).collect();
        gate.filled(2).await;
        assert_eq!(send(&app, get_from(peer, "/two")).await.status(), DENIED);
        drop(held);
    }
    gate.let_go(4);
}

#[tokio::test]
async fn who_is_exempt_or_passed_by_takes_no_place_and_who_costs_nothing_takes_one() {
    let (app, _, gate) = app().await;
    let with = |path, name: &'static str| {
        let mut request = get_from([192, 0, 2, 1], path);
        request.headers_mut().insert(name, "yes".parse().expect("a value"));
        request
    };
    let others = [with("/two", "x-staff"), with("/two", "x-staff"), with("/health", "x-other")];
    let others: Vec<_> = others.into_iter().map(|request| start(&app, request)).collect();
    gate.filled(3).await;
    let own = [start(&app, request("/two")), start(&app, with("/two", "x-free"))];
    gate.filled(2).await;
    assert_eq!(status(&app, "/two").await, DENIED);
    assert_eq!(send(&app, with("/two", "x-free")).await.status(), DENIED);
    gate.let_go(5);
    for started in others.into_iter().chain(own) {
        assert_eq!(status_of(started).await, OK);
    }
}

#[tokio::test]
async fn a_denial_says_to_come_back_in_a_second_and_nothing_of_rates() {
    let (app, _, gate) = app().await;
    let held = [start(&app, request("/two")), start(&app, request("/two")), start(&app, request("/told"))];
    gate.filled(3).await;
    let denied = get(&app, "/two").await;
    assert_eq!((denied.status(), number(&denied, "retry-after")), (DENIED, Some(1)));
    assert_eq!((header(&denied, "ratelimit"), header(&denied, "ratelimit-policy")), (None, None));
    assert_eq!(text(denied).await, "Too many requests. Retry in 1 second.");
    let told = get(&app, "/told").await;
    assert_eq!(number(&told, "retry-after"), Some(1));
    assert_eq!(text(told).await, format!("Some(1) {:?} []", DecisionReason::Concurrency));
    gate.let_go(3);
    for started in held {
        let answer = started.await.expect("no panic");
        assert_eq!((answer.status(), header(&answer, "ratelimit")), (OK, None));
    }
}

#[tokio::test]
async fn b119_a_dry_run_counts_who_would_find_no_place() {
    let (app, registry, gate) = app().await;
    let held: Vec<_> = (0..3).map(|_| start(&app, request("/shadow"))).collect();
    gate.filled(3).await;
    gate.let_go(3);
    for started in held {
        assert_eq!(status_of(started).await, OK);
    }
    let counts = registry.get("shadow").expect("used").counts();
    assert_eq!((counts.allowed, counts.would_deny, counts.denied), (1, 2, 0));
}
