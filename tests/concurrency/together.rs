//! Concurrency limits together with rates, and with other throttles of the same handler.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get as route;
use throttle::backend::Memory;
use throttle::{Key, ManualClock, Registry, throttle};

use crate::common::{declared_at, get, header, number, service, status};
use crate::gate::{Gate, request, start, status_of};
use crate::{DENIED, OK};

#[throttle(uid = "both", rate = "3/min", max_concurrent = 1, key = global)]
async fn both(State(gate): State<Arc<Gate>>) {
    gate.wait().await;
}

#[throttle(uid = "rate", rate = "2/min", key = global)]
#[throttle(uid = "place", max_concurrent = 1, key = global)]
#[throttle(uid = "elsewhere", rate = "1/min", key = global, backend = "elsewhere")]
async fn three(State(gate): State<Arc<Gate>>) {
    gate.wait().await;
}

async fn app() -> (Router, Registry, Arc<Gate>, ManualClock) {
    let clock = ManualClock::new();
    let elsewhere = Memory::builder().clock(clock.clone()).build();
    let declared = declared_at(&clock).backend("elsewhere", elsewhere);
    let (registry, gate) = (declared.build().await.expect("a registry"), Gate::new());
    let router =
        Router::new().route("/both", route(both)).route("/three", route(three)).with_state(Arc::clone(&gate));
    (service(router, &registry), registry, gate, clock)
}

async fn left(registry: &Registry, uid: &str) -> Option<u64> {
    let throttle = registry.get(uid).expect("used");
    throttle.quotas(Key::global()).await.expect("a decision").remaining()
}

#[tokio::test]
async fn who_finds_no_place_takes_nothing_of_the_rate() {
    let (app, registry, gate, _) = app().await;
    let held = start(&app, request("/both"));
    gate.filled(1).await;
    for _ in 0..5 {
        let denied = get(&app, "/both").await;
        assert_eq!((denied.status(), number(&denied, "retry-after")), (DENIED, Some(1)));
        assert_eq!(header(&denied, "ratelimit"), None, "the rate was not asked");
    }
    assert_eq!(left(&registry, "both").await, Some(2));
    gate.let_go(1);
    let answer = held.await.expect("no panic");
    assert_eq!(header(&answer, "ratelimit").as_deref(), Some("\"both\";r=2;t=60"));
    let counts = registry.get("both").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied), (1, 5));
}

#[tokio::test]
async fn who_is_denied_by_the_rate_holds_no_place() {
    let (app, registry, gate, clock) = app().await;
    gate.let_go(3);
    for _ in 0..3 {
        assert_eq!(status(&app, "/both").await, OK);
    }
    let denied = get(&app, "/both").await;
    assert_eq!(number(&denied, "retry-after"), Some(60), "not for want of a place");
    clock.advance(crate::common::seconds(60));
    let held = start(&app, request("/both"));
    gate.filled(4).await;
    assert_eq!(
        number(&get(&app, "/both").await, "retry-after"),
        Some(1),
        "the denial is there yet, and holds nothing"
    );
    gate.let_go(1);
    assert_eq!(status_of(held).await, OK);
    drop(denied);
    assert_eq!(registry.get("both").expect("used").counts().denied, 2);
}

#[tokio::test]
async fn b117_places_are_taken_before_anything_is_charged_and_given_back_with_it() {
    let (app, registry, gate, clock) = app().await;
    let held = start(&app, request("/three"));
    gate.filled(1).await;
    assert_eq!(number(&get(&app, "/three").await, "retry-after"), Some(1));
    assert_eq!([left(&registry, "rate").await, left(&registry, "elsewhere").await], [Some(1), Some(0)]);
    gate.let_go(1);
    drop(held.await);
    let denied = get(&app, "/three").await;
    assert_eq!(number(&denied, "retry-after"), Some(60), "by the last of them");
    assert_eq!(left(&registry, "rate").await, Some(1));
    clock.advance(crate::common::seconds(60));
    gate.let_go(1);
    assert_eq!(status(&app, "/three").await, OK, "the place was given back too");
    let counts = |uid| registry.get(uid).expect("used").counts();
    let (rate, place) = (counts("rate"), counts("place"));
    assert_eq!((rate.allowed, rate.denied, rate.given_back), (2, 0, 1));
    assert_eq!((place.allowed, place.denied, place.given_back), (2, 1, 1));
}
