//! Handlers of the global registry on memory are decided on a fast path, without waiting. Clients see no
//! difference.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::State;
use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get as route;
use axum::{Extension, Router};
use common::{declared_at, get, text};
use throttle::{ManualClock, Registry, Throttled, throttle};

#[throttle(rate = "2/min")]
async fn plain() -> &'static str {
    "ok"
}

#[throttle(rate = "2/min", strategy = throttle::strategy::Gcra::new().burst(2), headers = "legacy")]
async fn legacy() {}

#[throttle(rate = "2/min", headers = "off")]
async fn silent() {}

#[throttle(rate = "2/min")]
async fn redirects() -> Redirect {
    Redirect::to("/plain")
}

#[throttle(rate = "2/min", cost = 3, strategy = throttle::strategy::Gcra::new().burst(4))]
async fn costs() {}

#[throttle(rate = "2/min", key = header("x-api-key"), handler = sorry, state = &'static str)]
async fn handled() {}

async fn sorry(State(name): State<&'static str>, throttled: Throttled) -> Response {
    let path = throttled.head().expect("the head").uri.path();
    (StatusCode::SERVICE_UNAVAILABLE, format!("{name}: {path}, {throttled}")).into_response()
}

#[throttle(rate = "2/min", dry_run = true)]
async fn dry() {}

#[throttle(rate = "2/min", exempt = nobody)]
async fn exempt() {}

async fn nobody() -> bool {
    false
}

#[throttle(rate = "2/min", only = "/rules", bypass = "/free")]
async fn rules() {}

#[throttle(rate = "3/min, 100/hour")]
async fn two_limits() {}

#[throttle(rate = "3/min")]
#[throttle(rate = "100/hour", key = global)]
async fn two_throttles() {}

const PATHS: [&str; 11] = [
    "/plain",
    "/legacy",
    "/silent",
    "/redirects",
    "/costs",
    "/handled",
    "/dry",
    "/exempt",
    "/rules",
    "/two_limits",
    "/two_throttles",
];

fn router() -> Router {
    Router::new()
        .route("/plain", route(plain))
        .route("/legacy", route(legacy))
        .route("/silent", route(silent))
        .route("/redirects", route(redirects))
        .route("/costs", route(costs))
        .route("/handled", route(handled))
        .route("/dry", route(dry))
        .route("/exempt", route(exempt))
        .route("/rules", route(rules))
        .route("/free", route(rules))
        .route("/rules/other", route(rules))
        .route("/two_limits", route(two_limits))
        .route("/two_throttles", route(two_throttles))
        .with_state("state")
        .layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))))
}

/// Returns everything that a client sees.
async fn seen(app: &Router, path: &str) -> (StatusCode, String, String) {
    let response = get(app, path).await;
    (response.status(), format!("{:?}", response.headers()), text(response).await)
}

/// One test, because a process has one global registry.
#[tokio::test]
async fn clients_see_the_same_of_the_global_registry_as_of_any_other() {
    let clock = ManualClock::new();
    let global = declared_at(&clock).install().await.expect("a registry");
    let other = declared_at(&clock).build().await.expect("a registry");
    let (short, long) = (router(), router().layer(Extension(other.clone())));
    for step in 0..8 {
        for path in PATHS {
            assert_eq!(seen(&short, path).await, seen(&long, path).await, "{path} at step {step}");
        }
        clock.advance(Duration::from_secs(11));
    }
    for path in PATHS {
        let counts = |registry| counts_of(registry, &path[1..]);
        assert_eq!(counts(&global), counts(&other), "{path}");
        assert!(counts(&global).allowed > 0, "{path}");
    }
    for path in ["/free", "/rules/other"] {
        for _ in 0..3 {
            let free = seen(&short, path).await;
            assert_eq!((&free, free.0), (&seen(&long, path).await, StatusCode::OK), "{path}");
        }
    }
    assert_eq!(counts_of(&global, "rules"), counts_of(&other, "rules"));
    assert_eq!(counts_of(&global, "rules").skipped, 6);
    global.disable_all();
    for _ in 0..3 {
        assert_eq!(get(&short, "/plain").await.status(), StatusCode::OK, "switched off");
    }
    let counts = counts_of(&global, "plain");
    assert_eq!((counts.allowed, counts.denied, counts.skipped), (4, 4, 3));
    global.enable_all();
    global.set_dry_run(true);
    for _ in 0..3 {
        assert_eq!(get(&short, "/plain").await.status(), StatusCode::OK, "run dry");
    }
    let counts = counts_of(&global, "plain");
    assert_eq!((counts.allowed + counts.would_deny, counts.denied), (4 + 3, 4));
    assert!(counts.would_deny > 0);
    global.set_dry_run(false);
    peers_are_the_same(&clock, &short, &long).await;
}

/// After the first 1,000 requests, the address of an IPv4 peer is read in one look.
async fn peers_are_the_same(clock: &ManualClock, short: &Router, long: &Router) {
    for _ in 0..1_000 {
        assert_eq!(seen(short, "/plain").await, seen(long, "/plain").await);
    }
    clock.advance(Duration::from_secs(3_600));
    for step in 0..3 {
        for peer in ["198.51.100.1:1", "198.51.100.2:1", "[::ffff:198.51.100.1]:1", "[2001:db8::1]:1"] {
            let peer: SocketAddr = peer.parse().expect("an address");
            let of = |app: &Router| app.clone().layer(Extension(ConnectInfo(peer)));
            for path in PATHS {
                let seen = (seen(&of(short), path).await, seen(&of(long), path).await);
                assert_eq!(seen.0, seen.1, "{path} of {peer} at step {step}");
            }
        }
        clock.advance(Duration::from_secs(11));
    }
}

fn counts_of(registry: &Registry, name: &str) -> throttle::Counts {
    registry.get(&format!("{}::{name}", module_path!())).expect("a throttle").counts()
}
