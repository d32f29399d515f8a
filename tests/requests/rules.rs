//! Rules in the attribute and at run time: behaviours 102, 103 and 105.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::{any as route, get};
use throttle::rule::Rules;
use throttle::{ManualClock, Registry, Rule, Settings, ThrottleError, throttle, throttle_fn};

use crate::common::{declared_at, registry_at, send, service};

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

#[throttle(uid = "bypass", rate = "1/min", bypass = Rule::path("/health").method(Method::GET))]
async fn health() {}

#[throttle(uid = "only", rate = "1/min", only = ["/api", "/deep/**", Rule::path("/one/*")])]
async fn only() {}

static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn is_staff(State(staff): State<&'static str>, headers: HeaderMap) -> Result<bool, StatusCode> {
    ASKED.fetch_add(1, Ordering::SeqCst);
    match headers.get("x-user").map(|user| user.to_str()) {
        None => Ok(false),
        Some(Ok(user)) => Ok(user == staff),
        Some(Err(_)) => Err(StatusCode::BAD_REQUEST),
    }
}

#[throttle(
    uid = "staff",
    rate = "1/min",
    bypass = [Rule::path("/staff/*").when(is_staff), Rule::path("/staff/free")],
    state = &'static str
)]
async fn staff() {}

#[throttle(uid = "function", rate = "1/min", only = [is_staff, Rule::path("/function/all")], state = &'static str)]
async fn function() {}

async fn unasked() -> Result<u64, StatusCode> {
    Err(StatusCode::IM_A_TEAPOT)
}

#[throttle(uid = "late", rate = "1/min", key = unasked, cost = unasked, exempt = unasked_too, only = "/never")]
async fn late() {}

async fn unasked_too() -> Result<bool, StatusCode> {
    Err(StatusCode::IM_A_TEAPOT)
}

#[throttle(uid = "stacked:all", rate = "3/min")]
#[throttle(uid = "stacked:writes", rate = "1/min", only = Rule::any().method(Method::POST))]
async fn stacked() {}

#[throttle(uid = "plain", rate = "1/min")]
async fn plain() {}

#[throttle_fn(uid = "call", rate = "1/min")]
async fn call() -> Result<(), ThrottleError> {
    Ok(())
}

fn app(registry: &Registry) -> Router {
    let router = Router::new()
        .route("/health", route(health))
        .route("/staff/{page}", route(staff))
        .route("/function/{page}", route(function))
        .route("/late", route(late))
        .route("/stacked", route(stacked))
        .route("/plain", get(plain))
        .route("/plain/free", get(plain))
        .fallback(only)
        .with_state("ann");
    service(router, registry)
}

async fn ask(app: &Router, method: Method, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    send(app, request).await.status()
}

async fn twice(app: &Router, path: &str) -> [StatusCode; 2] {
    [ask(app, Method::GET, path).await, ask(app, Method::GET, path).await]
}

#[tokio::test]
async fn b102_a_bypassed_request_is_free_and_others_count() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry);
    assert_eq!(twice(&app, "/health").await, [OK, OK]);
    assert_eq!(ask(&app, Method::POST, "/health").await, OK);
    assert_eq!(ask(&app, Method::POST, "/health").await, DENIED);
    assert_eq!(ask(&app, Method::HEAD, "/health").await, DENIED, "HEAD is not GET");
    assert_eq!(twice(&app, "/health").await, [OK, OK]);
    let counts = registry.get("bypass").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied, counts.skipped), (1, 2, 4));
}

#[tokio::test]
async fn b102_what_is_bypassed_says_nothing_of_limits() {
    let app = app(&registry_at(&ManualClock::new()).await);
    let answer = send(&app, Request::get("/health").body(Body::empty()).expect("a request")).await;
    assert!(!answer.headers().contains_key("ratelimit"), "{answer:?}");
}

#[tokio::test]
async fn b103_only_what_a_pattern_means_is_limited() {
    for path in ["/api", "/deep", "/deep/", "/deep/er/still", "/one/segment", "/api?query=/x"] {
        let app = app(&registry_at(&ManualClock::new()).await);
        assert_eq!(twice(&app, path).await, [OK, DENIED], "{path}");
    }
    let app = app(&registry_at(&ManualClock::new()).await);
    for path in
        ["/apix", "/api/users", "/api/", "/deeper", "/one", "/one/", "/one/two/three", "/x?/api", "//api"]
    {
        assert_eq!(twice(&app, path).await, [OK, OK], "{path}");
    }
}

async fn as_user(app: &Router, path: &str, user: &[u8]) -> StatusCode {
    let request = Request::get(path).header("x-user", user).body(Body::empty()).expect("a request");
    send(app, request).await.status()
}

/// One test, because it counts the calls of the function.
#[tokio::test]
async fn functions_are_asked_last_and_may_end_the_request() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry);
    for _ in 0..3 {
        assert_eq!(as_user(&app, "/staff/a", b"ann").await, OK);
    }
    assert_eq!(as_user(&app, "/staff/a", b"\xff").await, StatusCode::BAD_REQUEST);
    assert_eq!(as_user(&app, "/staff/a", b"bob").await, OK);
    assert_eq!(as_user(&app, "/staff/a", b"bob").await, DENIED);
    assert_eq!(ASKED.load(Ordering::SeqCst), 6);
    assert_eq!(twice(&app, "/staff/free").await, [OK, OK]);
    assert_eq!(ASKED.load(Ordering::SeqCst), 6, "the path has said it");

    assert_eq!(twice(&app, "/function/all").await, [OK, DENIED]);
    assert_eq!(ASKED.load(Ordering::SeqCst), 6, "the path has said it");
    assert_eq!(
        [as_user(&app, "/function/a", b"bob").await, as_user(&app, "/function/a", b"bob").await],
        [OK, OK]
    );
    assert_eq!(as_user(&app, "/function/a", b"ann").await, DENIED);
    assert_eq!(ASKED.load(Ordering::SeqCst), 9);
}

#[tokio::test]
async fn b102_nothing_else_is_asked_about_an_excluded_request() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(&registry);
    assert_eq!(twice(&app, "/late").await, [OK, OK]);
    assert_eq!(registry.get("late").expect("used").counts().skipped, 2);
}

#[tokio::test]
async fn each_throttle_of_a_handler_has_rules_of_its_own() {
    let app = app(&registry_at(&ManualClock::new()).await);
    assert_eq!(ask(&app, Method::POST, "/stacked").await, OK);
    assert_eq!(ask(&app, Method::POST, "/stacked").await, DENIED);
    assert_eq!(twice(&app, "/stacked").await, [OK, OK], "the denied one took nothing of the other");
    assert_eq!(ask(&app, Method::GET, "/stacked").await, DENIED);
}

#[tokio::test]
async fn b105_rules_for_an_unknown_uid_are_an_error_and_for_a_known_one_hold_at_once() {
    let registry = registry_at(&ManualClock::new()).await;
    let free = Rules::new().bypass(Rule::path("/plain/free"));
    let error = registry.add_rules("unknown", free.clone()).expect_err("nobody has that uid");
    assert_eq!(error.problems(), ["the rules are for `unknown`, but no throttle has that uid"]);

    let app = app(&registry);
    assert_eq!(twice(&app, "/plain/free").await, [OK, DENIED]);
    registry.add_rules("plain", free).expect("an attribute's");
    assert_eq!(twice(&app, "/plain/free").await, [OK, OK]);
    assert_eq!(ask(&app, Method::GET, "/plain").await, DENIED, "what was counted still holds");
    registry.add_rules("plain", Rules::new().only(Rule::path("/nowhere"))).expect("an attribute's");
    assert_eq!(twice(&app, "/plain").await, [OK, OK], "not meant any more");
    registry.add_rules("plain", Rules::new().only(Rule::path("/plain/**"))).expect("an attribute's");
    assert_eq!(ask(&app, Method::GET, "/plain").await, DENIED, "meant by the second");
    assert_eq!(twice(&app, "/plain/free").await, [OK, OK], "a bypass wins");
}

#[tokio::test]
async fn b105_rules_are_added_before_the_first_use_and_to_one_registry() {
    let clock = ManualClock::new();
    let (ruled, other) = (registry_at(&clock).await, registry_at(&clock).await);
    ruled.add_rules("plain", Rules::new().bypass(Rule::any())).expect("an attribute's");
    assert_eq!(twice(&app(&ruled), "/plain").await, [OK, OK]);
    assert_eq!(twice(&app(&other), "/plain").await, [OK, DENIED]);
}

/// Otherwise, a default for requests would let all calls pass.
#[tokio::test]
async fn calls_that_are_no_requests_know_no_rules() {
    let defaults = Settings::new().only(Rule::path("/api/**"));
    let declared = declared_at(&ManualClock::new()).defaults(defaults);
    let registry = declared.build().await.expect("a registry");
    registry.add_rules("call", Rules::new().bypass(Rule::any())).expect("an attribute's");
    registry
        .scope(async {
            assert!(call().await.is_ok());
            assert!(call().await.is_err());
        })
        .await;
}

#[tokio::test]
async fn an_override_replaces_the_rules_of_the_attribute_one_by_one() {
    let ours = Settings::new().only(Rule::path("/stacked").method(Method::GET)).only(Rule::path("/x"));
    let declared = declared_at(&ManualClock::new()).throttle("stacked:writes", ours);
    let registry = declared.build().await.expect("a registry");
    let app = app(&registry);
    assert_eq!(twice(&app, "/stacked").await, [OK, DENIED]);
    assert_eq!(ask(&app, Method::POST, "/stacked").await, OK);
    let settings = registry.get("stacked:writes").expect("used").settings();
    assert!(settings.describe().contains(&("only", "GET /stacked, /x".to_owned())), "{settings:?}");
}
