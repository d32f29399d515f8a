//! Responses to denied clients: behaviours 22 to 25 and 31, stories 1, 3, 4, 8, 24 and 25.

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get as route;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::time::Duration;
use throttle::{
    DecisionReason, ManualClock, OnError, Settings, ThrottleError, ThrottleLayer, Throttled, throttle,
};

use crate::common::{declared_at, get, header, number, registry_at, seconds, service, status, text};

#[throttle(rate = "1/min")]
async fn plain() -> &'static str {
    "ok"
}

#[tokio::test]
async fn b022_s01_the_default_answer() {
    let clock = ManualClock::new();
    clock.advance(Duration::from_millis(500));
    let app = service(Router::new().route("/", route(plain)), &registry_at(&clock).await);
    assert_eq!(text(get(&app, "/").await).await, "ok");
    let denied = get(&app, "/").await;
    assert_eq!(denied.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(number(&denied, "retry-after"), Some(60), "59.5 s, rounded up");
    assert_eq!(header(&denied, "content-type").as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!(text(denied).await, "Too many requests. Retry in 60 seconds.");
}

#[tokio::test]
async fn b023_d01_d19_seconds_are_rounded_up() {
    for (millis, expected) in [(1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
        let answer = Throttled::new(Duration::from_millis(millis)).into_response();
        assert_eq!(number(&answer, "retry-after"), Some(expected), "{millis} ms");
    }
    assert_eq!(number(&Throttled::new(Duration::ZERO).into_response(), "retry-after"), Some(1));
    let longest = number(&Throttled::new(Duration::MAX).into_response(), "retry-after");
    assert!(longest.is_some_and(|seconds| seconds < 1_000_000_000_000_000), "{longest:?}");
}

async fn rich(method: Method, headers: HeaderMap, throttled: Throttled) -> Response {
    let wait = throttled.retry_after_seconds().expect("a wait");
    let body = json!({
        "error": "rate_limit_exceeded",
        "message": format!("You've hit the {:?} limit. Slow down!", throttled.uid()),
        "retry_after_seconds": wait,
        "limit": throttled.limits()[0].rate().limit(),
        "remaining": throttled.remaining(),
        "path": throttled.head().expect("a request").uri.path(),
        "method": method.as_str(),
        "agent": headers.get("user-agent").map(|agent| agent.to_str().expect("text").to_owned()),
        "backend": throttled.backend(),
    });
    (StatusCode::SERVICE_UNAVAILABLE, [("x-ratelimit-reset", wait.to_string())], Json(body)).into_response()
}

#[throttle(uid = "api:read", rate = "2/min", handler = rich)]
async fn read() -> &'static str {
    "ok"
}

#[tokio::test]
async fn b024_b031_s03_s04_a_custom_handler_has_the_word() {
    let clock = ManualClock::new();
    let app = service(Router::new().route("/read", route(read)), &registry_at(&clock).await);
    for _ in 0..2 {
        assert_eq!(status(&app, "/read").await, StatusCode::OK);
    }
    clock.advance(seconds(20));
    let denied = get(&app, "/read").await;
    assert_eq!(denied.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(number(&denied, "x-ratelimit-reset"), Some(40));
    assert_eq!(number(&denied, "retry-after"), Some(40), "fields that the handler left out are added");
    let body: Value = serde_json::from_str(&text(denied).await).expect("JSON");
    let expected = json!({
        "error": "rate_limit_exceeded",
        "message": "You've hit the \"api:read\" limit. Slow down!",
        "retry_after_seconds": 40,
        "limit": 2,
        "remaining": 0,
        "path": "/read",
        "method": "GET",
        "agent": null,
        "backend": "memory",
    });
    assert_eq!(body, expected);
}

/// The default response with another status, another header and another body.
async fn merged(throttled: Throttled) -> Response {
    let mut response = throttled.into_response();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert("x-detail", "merged".parse().expect("a value"));
    response.map(|_| "busy".into())
}

#[throttle(rate = "1/min", handler = merged)]
async fn merging() {}

#[tokio::test]
async fn b031_a_handler_may_change_the_default_answer() {
    let app = service(Router::new().route("/", route(merging)), &registry_at(&ManualClock::new()).await);
    get(&app, "/").await;
    let denied = get(&app, "/").await;
    assert_eq!(denied.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (header(&denied, "x-detail").as_deref(), number(&denied, "retry-after")),
        (Some("merged"), Some(60))
    );
    assert_eq!(denied.headers().get_all("ratelimit").iter().count(), 1, "not added twice");
    assert_eq!(text(denied).await, "busy");
}

async fn own_retry_after() -> impl IntoResponse {
    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7"), ("ratelimit", "\"mine\";r=0;t=7")], "mine")
}

#[throttle(rate = "1/min", handler = own_retry_after)]
async fn own() {}

#[tokio::test]
async fn b024_what_a_handler_sets_itself_is_left_alone() {
    let app = service(Router::new().route("/", route(own)), &registry_at(&ManualClock::new()).await);
    get(&app, "/").await;
    let denied = get(&app, "/").await;
    assert_eq!(number(&denied, "retry-after"), Some(7));
    assert_eq!(header(&denied, "ratelimit").as_deref(), Some("\"mine\";r=0;t=7"));
    assert_eq!(text(denied).await, "mine");
}

async fn by_backend(_: Throttled) -> &'static str {
    "backend"
}

async fn by_defaults(_: Throttled) -> &'static str {
    "defaults"
}

async fn by_attribute(_: Throttled) -> &'static str {
    "attribute"
}

#[throttle(rate = "1/min", handler = by_attribute)]
async fn with_handler() {}

#[tokio::test]
async fn b025_s08_the_most_specific_handler_answers() {
    let memory = || throttle::backend::Memory::builder().clock(ManualClock::new()).build();
    let answers = |registry| async move {
        let router = Router::new().route("/own", route(with_handler)).route("/none", route(plain));
        let app = service(router, &registry);
        get(&app, "/own").await;
        get(&app, "/none").await;
        (text(get(&app, "/own").await).await, text(get(&app, "/none").await).await)
    };
    let clock = ManualClock::new();
    let none = answers(registry_at(&clock).await).await;
    assert_eq!(none, ("attribute".into(), "Too many requests. Retry in 60 seconds.".into()));
    let defaults = declared_at(&clock).defaults(Settings::new().handler(by_defaults));
    assert_eq!(
        answers(defaults.build().await.expect("built")).await,
        ("attribute".into(), "defaults".into())
    );
    let defaults = throttle::registry().defaults(Settings::new().handler(by_defaults));
    let backend = defaults.backend_with("memory", memory(), Settings::new().handler(by_backend));
    assert_eq!(answers(backend.build().await.expect("built")).await, ("attribute".into(), "backend".into()));
}

async fn eleven() -> u32 {
    11
}

#[throttle(rate = "10/min", cost = eleven)]
async fn never() {}

#[tokio::test]
async fn b018_never_is_its_own_answer() {
    let app = service(Router::new().route("/", route(never)), &registry_at(&ManualClock::new()).await);
    let denied = get(&app, "/").await;
    assert_eq!(denied.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&denied, "retry-after"), None);
    assert_eq!(text(denied).await, "This request costs more than the limit can ever allow.");
}

#[throttle(rate = "5/min, 2/s", handler = throttle::problem_json)]
async fn problem() {}

#[tokio::test]
async fn problem_json_names_the_violated_policies() {
    let clock = ManualClock::new();
    let app = service(Router::new().route("/", route(problem)), &registry_at(&clock).await);
    get(&app, "/").await;
    get(&app, "/").await;
    let denied = get(&app, "/").await;
    assert_eq!(header(&denied, "content-type").as_deref(), Some("application/problem+json"));
    let body: Value = serde_json::from_str(&text(denied).await).expect("JSON");
    assert_eq!(body["status"], 429);
    assert_eq!(body["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(body["violated-policies"], json!(["problem/s"]));
}

/// The error type of an application, which distinguishes denials from failures.
enum AppError {
    Throttled(Throttled),
}

impl From<Throttled> for AppError {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled(throttled)
    }
}

impl From<ThrottleError> for AppError {
    fn from(refused: ThrottleError) -> Self {
        match refused {
            ThrottleError::Throttled(throttled) => Self::Throttled(throttled),
            other => panic!("{other}"),
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let Self::Throttled(throttled) = self;
        let wait = throttled.retry_after_seconds();
        (StatusCode::TOO_MANY_REQUESTS, Json(json!({ "error": "busy", "retry_after": wait }))).into_response()
    }
}

async fn busy() -> Result<&'static str, AppError> {
    Err(Throttled::new(Duration::from_millis(1_500)))?
}

#[tokio::test]
async fn s24_s25_a_denial_of_ones_own_and_one_shape_for_all() {
    let app = Router::new().route("/", route(busy));
    let denied = get(&app, "/").await;
    let body: Value = serde_json::from_str(&text(denied).await).expect("JSON");
    assert_eq!(body, json!({ "error": "busy", "retry_after": 2 }));
    assert_eq!(Throttled::new(seconds(1)).reason(), DecisionReason::Program);
    assert_eq!(OnError::named("throttle"), Some(OnError::default()));
}

async fn everywhere(throttled: Throttled) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    let wait = throttled.retry_after_seconds();
    (throttled.status(), [("x-shaped", "yes")], format!("{} ({wait:?})", throttled.message()))
}

#[throttle(uid = "f45:own", rate = "9/min", key = throttle::key::Global)]
async fn busy_export() -> Result<(), Throttled> {
    Err(Throttled::new(seconds(30)).with_detail("Another export \"runs\"."))
}

async fn unlimited() -> Throttled {
    Throttled::new(None)
}

#[tokio::test]
async fn f45_a_denial_of_the_program_has_a_detail_and_needs_no_wait() {
    let answer = Throttled::new(None).into_response();
    assert_eq!((answer.status(), number(&answer, "retry-after")), (StatusCode::TOO_MANY_REQUESTS, None));
    assert_eq!(text(answer).await, "Too many requests.");
    let denial = Throttled::new(None).with_detail("Come back \"later\"\n\u{1f}\\.");
    assert_eq!(denial.detail(), Some("Come back \"later\"\n\u{1f}\\."));
    let problem: Value = serde_json::from_str(&denial.problem_json()).expect("JSON");
    assert_eq!((&problem["detail"], &problem["status"]), (&denial.message().into(), &429.into()));
    let answer = Throttled::new(Some(seconds(5))).with_detail("Busy.").into_response();
    assert_eq!((number(&answer, "retry-after"), text(answer).await.as_str()), (Some(5), "Busy."));
}

#[tokio::test]
async fn f45_the_handler_of_the_program_shapes_denials_that_the_program_raises() {
    let clock = ManualClock::new();
    let defaults = Settings::new().handler(everywhere);
    let registry = declared_at(&clock).defaults(defaults).build().await.expect("a registry");
    let limits =
        || ThrottleLayer::new([("f45:layer", Settings::new().rate("9/min").key(throttle::key::Global))]);
    let router = Router::new()
        .route("/own", route(busy_export))
        .route("/layer", route(unlimited).layer(limits()))
        .route("/unlimited", route(unlimited));
    let app = service(router, &registry);
    let shaped = |answer: &Response| header(answer, "x-shaped").is_some();

    let answer = get(&app, "/own").await;
    assert!(shaped(&answer) && answer.status() == 429);
    assert_eq!(number(&answer, "retry-after"), Some(30));
    assert_eq!(
        header(&answer, "ratelimit").as_deref(),
        Some("\"f45:own\";r=8;t=60"),
        "of the throttle around it"
    );
    assert_eq!(text(answer).await, "Another export \"runs\". (Some(30))");
    let answer = get(&app, "/layer").await;
    assert!(shaped(&answer) && !answer.headers().contains_key("retry-after"));
    assert_eq!(text(answer).await, "Too many requests. (None)");
    // No throttle has the request's registry here, but the task has an active one.
    assert!(!shaped(&get(&app, "/unlimited").await));
    let answer = registry.scope(async { unlimited().await.into_response() }).await;
    assert!(shaped(&answer));
    // The response of a handler is not passed to a handler again.
    let answer = registry.scope(async { throttle::problem_json(Throttled::new(seconds(1))).await }).await;
    assert_eq!(header(&answer, "content-type").as_deref(), Some("application/problem+json"));
}
