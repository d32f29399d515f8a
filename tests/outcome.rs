//! Charges that depend on the response: `charge_when`.

mod common;
#[path = "process/redis.rs"]
mod server;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, response};
use axum::response::{IntoResponse, Response};
use axum::routing::get as route;
use common::{Counted, declared_at, get, header, registry_at, seconds, service, status};
use throttle::{ManualClock, Registry, Settings, outcome, registry, throttle};
use tokio::sync::Semaphore;

const OK: StatusCode = StatusCode::OK;
const WRONG: StatusCode = StatusCode::UNAUTHORIZED;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

/// Returns the requested status.
async fn answer(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}

#[throttle(uid = "login", rate = "5/15min", charge_when = outcome::unauthorized)]
async fn login(Path(code): Path<u16>) -> StatusCode {
    answer(Path(code)).await
}

#[throttle(uid = "served", rate = "2/min", charge_when = outcome::no_server_error)]
async fn served(Path(code): Path<u16>) -> StatusCode {
    answer(Path(code)).await
}

fn is_teapot(status: StatusCode) -> bool {
    status == StatusCode::IM_A_TEAPOT
}

/// Three throttles: by the status, by an extension, and always.
#[throttle(uid = "teapots", rate = "2/min", charge_when = is_teapot)]
#[throttle(uid = "marked", rate = "3/min", cost = 2, strategy = throttle::strategy::Gcra::new().burst(6), charge_when = is_marked)]
#[throttle(uid = "all", rate = "9/min")]
async fn stacked(Path(code): Path<u16>) -> Response {
    let mut response = answer(Path(code)).await.into_response();
    if code == 402 {
        response.extensions_mut().insert(Marked);
    }
    response
}

#[derive(Clone)]
struct Marked;

fn is_marked(response: &response::Parts) -> bool {
    response.extensions.get::<Marked>().is_some()
}

#[throttle(uid = "account", rate = "1/min", key = "{account}", charge_when = outcome::failed)]
async fn account(Path((account, code)): Path<(String, u16)>) -> StatusCode {
    answer(Path(code)).await
}

#[throttle(uid = "dry", rate = "1/min", dry_run, charge_when = outcome::failed)]
async fn dry(Path(code): Path<u16>) -> StatusCode {
    answer(Path(code)).await
}

fn app(registry: &Registry) -> Router {
    let router = Router::new()
        .route("/login/{code}", route(login))
        .route("/served/{code}", route(served))
        .route("/stacked/{code}", route(stacked))
        .route("/account/{account}/{code}", route(account))
        .route("/dry/{code}", route(dry));
    service(router, registry)
}

async fn at(clock: &ManualClock) -> (Router, Registry) {
    let registry = registry_at(clock).await;
    (app(&registry), registry)
}

#[tokio::test]
async fn only_failed_logins_are_charged() {
    let clock = ManualClock::new();
    let (app, registry) = at(&clock).await;
    for _ in 0..50 {
        assert_eq!(status(&app, "/login/200").await, OK);
    }
    for _ in 0..5 {
        assert_eq!(status(&app, "/login/401").await, WRONG);
    }
    assert_eq!([status(&app, "/login/401").await, status(&app, "/login/200").await], [DENIED; 2]);
    clock.advance(seconds(900));
    assert_eq!(status(&app, "/login/200").await, OK);
    let counts = registry.get("login").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied, counts.refunded), (56, 2, 51));
}

#[tokio::test]
async fn the_fields_say_what_is_left_after_the_settlement() {
    let (app, _) = at(&ManualClock::new()).await;
    for (path, left) in [("/login/401", 4), ("/login/200", 4), ("/login/403", 3), ("/login/200", 3)] {
        let said = header(&get(&app, path).await, "ratelimit");
        assert_eq!(said, Some(format!("\"login\";r={left};t=900")), "{path}");
    }
}

#[tokio::test]
async fn who_gets_an_error_of_the_server_pays_nothing() {
    let (app, _) = at(&ManualClock::new()).await;
    for code in [500, 503, 500, 404, 500, 200, 200] {
        let expected =
            if code == 200 { [OK, DENIED] } else { [StatusCode::from_u16(code).expect("a status"); 2] };
        assert!(expected.contains(&status(&app, &format!("/served/{code}")).await), "{code}");
    }
    assert_eq!(status(&app, "/served/500").await, DENIED);
}

#[tokio::test]
async fn each_attribute_of_a_handler_is_settled_for_itself() {
    let (app, registry) = at(&ManualClock::new()).await;
    for code in [200, 418, 402] {
        assert_eq!(status(&app, &format!("/stacked/{code}")).await.as_u16(), code);
    }
    let said = get(&app, "/stacked/200").await;
    let lines: Vec<_> =
        said.headers().get_all("ratelimit").iter().map(|line| line.to_str().expect("text")).collect();
    let lines: Vec<_> = lines.iter().map(|line| line.split(";t").next().expect("a part")).collect();
    assert_eq!(lines, ["\"teapots\";r=1", "\"marked\";r=4", "\"all\";r=5"], "in the order of the attributes");
    let refunded = |uid: &str| registry.get(uid).expect("used").counts().refunded;
    assert_eq!(["teapots", "marked", "all"].map(refunded), [3, 3, 0]);
}

#[tokio::test]
async fn keys_of_arguments_and_dry_runs_are_settled_too() {
    let (app, registry) = at(&ManualClock::new()).await;
    for path in ["/account/ann/200", "/account/ann/200", "/account/ann/401"] {
        assert_ne!(status(&app, path).await, DENIED, "{path}");
    }
    assert_eq!(status(&app, "/account/ann/200").await, DENIED);
    assert_eq!(status(&app, "/account/bob/200").await, OK);
    for path in ["/dry/200", "/dry/200", "/dry/401", "/dry/200"] {
        assert_ne!(status(&app, path).await, DENIED, "{path}");
    }
    let counts = registry.get("dry").expect("used").counts();
    assert_eq!((counts.allowed, counts.refunded, counts.would_deny), (3, 2, 1));
}

/// Limits and counts the attempts that are in progress.
#[derive(Clone)]
struct Attempts {
    gate: Arc<Semaphore>,
    made: Arc<AtomicUsize>,
}

#[throttle(uid = "gated", rate = "5/min", charge_when = outcome::unauthorized)]
async fn gated(State(attempts): State<Attempts>) -> StatusCode {
    attempts.made.fetch_add(1, Ordering::SeqCst);
    let _turn = attempts.gate.acquire().await.expect("open");
    WRONG
}

fn gates(registry: &Registry, open: usize) -> (Router, Attempts) {
    let attempts = Attempts { gate: Arc::new(Semaphore::new(open)), made: Arc::default() };
    let router = Router::new().route("/gated", route(gated)).with_state(attempts.clone());
    (service(router, registry), attempts)
}

/// Concurrent wrong guesses: the sixth is never made, however late the others are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_guesses_are_made_at_once_as_the_limit_says() {
    let registry = registry_at(&ManualClock::new()).await;
    let (app, attempts) = gates(&registry, 0);
    let guesses: Vec<_> = (0..1_000)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { status(&app, "/gated").await })
        })
        .collect();
    while registry.get("gated").is_none_or(|gated| gated.counts().denied < 995) {
        tokio::task::yield_now().await;
    }
    attempts.gate.add_permits(1);
    let mut wrong = 0;
    for guess in guesses {
        wrong += usize::from(guess.await.expect("a guess") == WRONG);
    }
    assert_eq!((wrong, attempts.made.load(Ordering::SeqCst)), (5, 5));
}

/// A refund in a background task is complete before the backend is closed.
#[tokio::test]
async fn the_end_of_the_program_waits_for_what_is_given_back() {
    // A backend that is not recognized as the memory backend.
    let store = Counted::default();
    let registry = registry().backend("memory", store.clone()).build().await.expect("a registry");
    assert_eq!(status(&app(&registry), "/login/200").await, OK);
    registry.close().await.expect("closed");
    let login = registry.get("login").expect("it was used");
    let left = login.quotas(IpAddr::from([192, 0, 2, 1])).await.expect("it goes on").remaining();
    assert_eq!((left, login.counts().refunded), (Some(5), 1));
}

#[tokio::test]
async fn who_hangs_up_before_the_response_has_paid() {
    let registry = registry_at(&ManualClock::new()).await;
    let (app, attempts) = gates(&registry, 0);
    for _ in 0..5 {
        let hung_up = tokio::time::timeout(Duration::from_millis(5), status(&app, "/gated")).await;
        hung_up.expect_err("it waits at the gate");
    }
    attempts.gate.add_permits(9);
    assert_eq!(status(&app, "/gated").await, DENIED);
    assert_eq!(registry.get("gated").expect("used").counts().refunded, 0);
}

#[throttle(uid = "panics", rate = "1/min", charge_when = outcome::unauthorized)]
async fn panics() -> StatusCode {
    panic!("on purpose")
}

#[tokio::test]
async fn a_handler_that_panics_stays_charged() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(panics)), &registry);
    let panicked = tokio::spawn({
        let app = app.clone();
        async move { status(&app, "/").await }
    });
    assert!(panicked.await.expect_err("a panic").is_panic());
    assert_eq!(status(&app, "/").await, DENIED);
}

#[tokio::test]
async fn a_charge_of_a_window_that_is_over_is_not_given_back_to_the_next() {
    #[throttle(uid = "slow", rate = "5/min", cost = 5, charge_when = outcome::failed)]
    async fn slow(State(clock): State<ManualClock>) {
        clock.advance(seconds(60));
    }
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let app = service(Router::new().route("/", route(slow)).with_state(clock), &registry);
    for _ in 0..3 {
        let said = header(&get(&app, "/").await, "ratelimit");
        assert_eq!(said.as_deref(), Some("\"slow\";r=5;t=60"), "as it is in the new window");
    }
}

#[tokio::test]
async fn settings_say_it_for_throttles_that_do_not() {
    #[throttle(uid = "by_override", rate = "1/min")]
    async fn limited(Path(code): Path<u16>) -> StatusCode {
        answer(Path(code)).await
    }
    let settings = Settings::new().charge_when(|status: StatusCode| status == StatusCode::NOT_FOUND);
    let registry =
        declared_at(&ManualClock::new()).throttle("by_override", settings).build().await.expect("a registry");
    let app = service(Router::new().route("/{code}", route(limited)), &registry);
    for code in [200, 200, 404] {
        assert_eq!(status(&app, &format!("/{code}")).await.as_u16(), code);
    }
    assert_eq!(status(&app, "/200").await, DENIED);
    let said = Settings::new().charge_when(outcome::failed).describe();
    assert_eq!(said, [("charge_when", "outcome::failed".to_owned())]);
}

/// In the global registry, where a throttle without functions is decided without a future.
#[tokio::test]
async fn the_global_registry_settles_too() {
    #[throttle(uid = "global", rate = "2/day", key = global, charge_when = outcome::failed)]
    async fn limited(Path(code): Path<u16>) -> StatusCode {
        answer(Path(code)).await
    }
    let app = Router::new().route("/{code}", route(limited));
    for code in [200, 200, 401, 200, 401] {
        assert_eq!(status(&app, &format!("/{code}")).await.as_u16(), code);
    }
    assert_eq!(status(&app, "/200").await, DENIED);
}

#[tokio::test]
async fn a_layer_with_one_throttle_settles_too() {
    let registry = registry_at(&ManualClock::new()).await;
    let failed = Settings::new().rate("1/day").charge_when(outcome::failed);
    let router = Router::new().route("/{code}", route(answer));
    let app = service(router.layer(throttle::ThrottleLayer::new([("single", failed)])), &registry);
    for code in [200, 200, 401] {
        assert_eq!(status(&app, &format!("/{code}")).await.as_u16(), code);
    }
    assert_eq!(status(&app, "/200").await, DENIED);
}

/// Without an attribute, on one backend and on several.
#[tokio::test]
async fn layers_are_settled_as_attributes_are() {
    use throttle::ThrottleLayer;

    let other = throttle::backend::Memory::new();
    let registry =
        declared_at(&ManualClock::new()).backend("other", other).build().await.expect("a registry");
    let failed = Settings::new().charge_when(outcome::failed);
    let limits = ThrottleLayer::new([
        ("guesses", failed.clone().rate("2/day")),
        ("elsewhere", failed.rate("9/day").backend("other")),
        ("load", Settings::new().rate("100/day")),
    ]);
    let app = service(Router::new().route("/{code}", route(answer)).layer(limits), &registry);
    for code in [200, 401, 200, 403, 429] {
        assert_eq!(status(&app, &format!("/{code}")).await.as_u16(), code);
    }
    let counts = |uid: &str| registry.get(uid).expect("used").counts();
    assert_eq!((counts("guesses").allowed, counts("guesses").denied, counts("guesses").refunded), (4, 1, 2));
    assert_eq!((counts("elsewhere").refunded, counts("load").refunded), (2, 0));
}

/// A gRPC call that fails immediately has its status in the headers, and an HTTP status of 200.
#[test]
fn outcomes_know_the_status_of_grpc() {
    let head = |status: u16, code: Option<&str>| {
        let response = Response::builder().status(status);
        let response = code.into_iter().fold(response, |response, code| response.header("grpc-status", code));
        response.body(()).expect("a response").into_parts().0
    };
    for (status, code, said) in [
        (200, None, [false, true, false, true]),
        (302, None, [false, true, false, true]),
        (401, None, [true, false, true, true]),
        (403, None, [true, false, true, true]),
        (404, None, [true, false, false, true]),
        (503, None, [true, false, false, false]),
        (200, Some("0"), [false, true, false, true]),
        (200, Some("5"), [true, false, false, true]),
        (200, Some("7"), [true, false, true, true]),
        (200, Some("16"), [true, false, true, true]),
        (200, Some("13"), [true, false, false, false]),
        (200, Some("14"), [true, false, false, false]),
        (200, Some("99"), [true, false, false, false]),
        (200, Some("what"), [true, false, false, false]),
    ] {
        let head = head(status, code);
        let asked = [outcome::failed, outcome::succeeded, outcome::unauthorized, outcome::no_server_error];
        assert_eq!(asked.map(|asked| asked(&head)), said, "{status} {code:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_gives_back_behind_the_response() {
    use server::Redis;

    let redis = Redis::start();
    let backend = throttle::backend::Redis::new(&redis.url()).expect("a backend");
    let settings = Settings::new().backend("redis").timeout(seconds(10));
    let declared = registry().backend("redis", backend).defaults(settings);
    // By the clock of the server, a window of a quarter of an hour may end during the test.
    let declared = declared.throttle("login", Settings::new().rate("5/day"));
    let registry = declared.build().await.expect("a registry");
    let (app, login) = (app(&registry), || registry.get("login").expect("used"));
    let key = throttle::Key::from(IpAddr::from([192, 0, 2, 1]));
    let settles = async |left: u64| {
        let asked = std::time::Instant::now();
        while login().quotas(key.clone()).await.expect("Redis answers").remaining() != Some(left) {
            assert!(asked.elapsed() < seconds(20), "it is not given back");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    for code in [200, 200, 401] {
        let said = header(&get(&app, &format!("/login/{code}")).await, "ratelimit").expect("a field");
        assert!(said.starts_with("\"login\";r=4"), "what was decided: {said}");
        settles(if code == 200 { 5 } else { 4 }).await;
    }
    for _ in 0..4 {
        assert_eq!(status(&app, "/login/401").await, WRONG);
    }
    assert_eq!(status(&app, "/login/200").await, DENIED);
    let wait = seconds(24 * 60 * 60);
    assert!(
        login().counts().refunded == 2
            && login().peek(key).await.expect("it answers").retry_after() <= Some(wait)
    );
}
