//! An update takes effect with the next decision. Settings that it does not contain stay.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get as route;
use throttle::{ManualClock, Registry, Rule, Settings, Throttled, key, throttle};
use tracing::Level;

use crate::common::{Counted, declared_at, events, get, header, registry_at, service, status};

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

#[throttle(uid = "items", rate = "2/min", cost = 1)]
async fn items() {}

async fn app() -> (Router, Registry) {
    let registry = registry_at(&ManualClock::new()).await;
    (service(Router::new().route("/items", route(items)), &registry), registry)
}

fn update(registry: &Registry, settings: Settings) {
    registry.update("items", settings).expect("it works");
}

#[tokio::test]
async fn b106_the_next_request_is_decided_by_what_holds_now() {
    let (app, registry) = app().await;
    assert_eq!([status(&app, "/items").await, status(&app, "/items").await], [OK, OK]);
    assert_eq!(status(&app, "/items").await, DENIED);
    update(&registry, Settings::new().rate("5/min"));
    let response = get(&app, "/items").await;
    assert_eq!(header(&response, "ratelimit-policy").as_deref(), Some("\"items\";q=5;w=60"));
    assert_eq!(header(&response, "ratelimit").map(|said| said.contains(";r=2")), Some(true), "two were used");
    update(&registry, Settings::new().cost(3_u32));
    assert_eq!(status(&app, "/items").await, DENIED, "two are left, and the rate stays");
    update(&registry, Settings::new().rate("6/min"));
    assert_eq!(status(&app, "/items").await, OK, "three are left, and the cost stays");
}

#[tokio::test]
async fn b106_everything_else_changes_too() {
    async fn sorry(throttled: Throttled) -> (StatusCode, String) {
        (StatusCode::SERVICE_UNAVAILABLE, throttled.message())
    }
    async fn everybody() -> bool {
        true
    }
    async fn by_user(headers: HeaderMap) -> String {
        headers.get("x-user").and_then(|user| user.to_str().ok()).unwrap_or_default().to_owned()
    }
    let (app, registry) = app().await;
    update(&registry, Settings::new().rate("1/min").handler(sorry));
    assert_eq!(
        [status(&app, "/items").await, status(&app, "/items").await],
        [OK, StatusCode::SERVICE_UNAVAILABLE]
    );
    update(&registry, Settings::new().key(by_user));
    assert_eq!(status(&app, "/items").await, OK, "another key begins anew");
    update(&registry, Settings::new().only(Rule::path("/other")));
    assert_eq!([status(&app, "/items").await, status(&app, "/items").await], [OK, OK], "it is about others");
    update(&registry, Settings::new().only(Rule::any()).key(key::Global));
    assert_eq!(status(&app, "/items").await, OK);
    update(&registry, Settings::new().dry_run(true));
    let response = get(&app, "/items").await;
    assert_eq!((response.status(), header(&response, "ratelimit")), (OK, None));
    update(&registry, Settings::new().dry_run(false));
    assert_eq!(status(&app, "/items").await, StatusCode::SERVICE_UNAVAILABLE);
    update(&registry, Settings::new().exempt(everybody));
    assert_eq!([status(&app, "/items").await, status(&app, "/items").await], [OK, OK]);
}

#[tokio::test]
async fn b106_another_backend_begins_with_its_own_states() {
    let other = Counted::default();
    let declared = declared_at(&ManualClock::new()).backend("other", other.clone());
    let registry = declared.build().await.expect("a registry");
    let app = service(Router::new().route("/items", route(items)), &registry);
    for expected in [OK, OK, DENIED] {
        assert_eq!(status(&app, "/items").await, expected);
    }
    update(&registry, Settings::new().backend("other"));
    for expected in [OK, OK, DENIED] {
        assert_eq!(status(&app, "/items").await, expected);
    }
    assert_eq!(other.decided.load(Ordering::SeqCst), 3);
    update(&registry, Settings::new().backend("memory"));
    assert_eq!(status(&app, "/items").await, DENIED, "what it had counted still holds");
}

/// An update may come before the first request, and takes precedence over all declarations.
#[tokio::test]
async fn b106_an_update_wins_over_every_other_place() {
    let backend = Settings::new().cost(4_u32);
    let declared =
        declared_at(&ManualClock::new()).backend_with("other", Arc::new(Counted::default()), backend);
    let declared = declared.throttle("items", Settings::new().rate("30/min").backend("other"));
    let registry = declared.defaults(Settings::new().cost(5_u32)).build().await.expect("a registry");
    update(&registry, Settings::new().rate("40/min").cost(7_u32));
    let app = service(Router::new().route("/items", route(items)), &registry);
    let response = get(&app, "/items").await;
    assert_eq!(header(&response, "ratelimit-policy").as_deref(), Some("\"items\";q=40;w=60"));
    assert_eq!(header(&response, "ratelimit").map(|said| said.contains(";r=33")), Some(true));
}

#[tokio::test]
async fn b106_an_update_is_one_event() {
    events::listen();
    let (_, registry) = app().await;
    events::listen();
    update(&registry, Settings::new().rate("7/min").cost(2_u32));
    let seen = events::seen(Level::INFO);
    let [event] = &seen[..] else { panic!("{seen:?}") };
    assert!(
        event.contains("uid=\"items\"") && event.contains("rate: 2/min -> 7/min, cost: 1 -> 2"),
        "{event}"
    );
    registry.update("items", Settings::new().backend("redis")).expect_err("not declared");
    assert_eq!(events::seen(Level::INFO).len(), 1, "a refused one is none");
}

/// Throttles of other registries are not affected.
#[tokio::test]
async fn b106_an_update_is_one_registrys() {
    let ((app, _), (_, other)) = (app().await, app().await);
    update(&other, Settings::new().rate("1/min"));
    assert_eq!([status(&app, "/items").await, status(&app, "/items").await], [OK, OK]);
}
