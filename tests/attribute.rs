//! The attribute on handlers: behaviours 14, 16, 17, 81, 114, 116, 117, and several attributes on one handler.

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::{get as route, post};
use axum::{Json, Router};
use common::{Counted, declared_at, get, header, registry_at, send, service, status, text};
use http_body_util::Full;
use throttle::backend::Memory;
use throttle::strategy::Gcra;
use throttle::{ErrorAction, Failure, ManualClock, Rate, Rates, Settings, Throttled, throttle};

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

/// A body that counts how often it is polled.
struct Polled(Full<Bytes>, Arc<AtomicUsize>);

impl HttpBody for Polled {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_frame(context)
    }
}

static RAN: AtomicUsize = AtomicUsize::new(0);

#[throttle(rate = "1/min")]
async fn upload(body: String) -> String {
    RAN.fetch_add(1, Ordering::SeqCst);
    body
}

#[tokio::test]
async fn b116_a_throttled_body_is_never_read() {
    let app = service(Router::new().route("/", post(upload)), &registry_at(&ManualClock::new()).await);
    let polls = Arc::new(AtomicUsize::new(0));
    let request = || {
        let body = Body::new(Polled(Full::from("content"), Arc::clone(&polls)));
        Request::post("/").body(body).expect("a request")
    };
    assert_eq!(text(send(&app, request()).await).await, "content");
    let read = polls.load(Ordering::SeqCst);
    assert!(read > 0, "the counter counts");
    assert_eq!(send(&app, request()).await.status(), DENIED);
    assert_eq!((polls.load(Ordering::SeqCst), RAN.load(Ordering::SeqCst)), (read, 1));
}

#[derive(Clone)]
struct App {
    free: u64,
}

#[derive(serde::Deserialize)]
struct Upload {
    size: u32,
}

async fn plan(State(app): State<App>, headers: HeaderMap) -> Rate {
    match headers.get("x-plan").map(axum::http::HeaderValue::as_bytes) {
        Some(b"staff") => Rate::UNLIMITED,
        Some(b"paid") => Rate::per_minute(5),
        _ => Rate::per_minute(app.free),
    }
}

async fn size(Query(upload): Query<Upload>) -> u32 {
    upload.size
}

async fn user(headers: HeaderMap) -> String {
    headers.get("x-plan").map_or("nobody", |plan| plan.to_str().unwrap_or("unreadable")).to_owned()
}

#[throttle(rate = plan, cost = size, key = user)]
async fn planned(State(_): State<App>) -> impl axum::response::IntoResponse {
    "ok"
}

async fn with_plan(app: &Router, plan: &str, size: u32) -> StatusCode {
    let request = Request::get(format!("/?size={size}")).header("x-plan", plan).body(Body::empty());
    send(app, request.expect("a request")).await.status()
}

#[tokio::test]
async fn b016_b017_rate_and_cost_of_the_request() {
    let router = Router::new().route("/", route(planned)).with_state(App { free: 2 });
    let app = service(router, &registry_at(&ManualClock::new()).await);
    assert_eq!([with_plan(&app, "free", 1).await, with_plan(&app, "free", 2).await], [OK, DENIED]);
    assert_eq!([with_plan(&app, "paid", 3).await, with_plan(&app, "paid", 3).await], [OK, DENIED]);
    assert_eq!(with_plan(&app, "staff", 1_000_000).await, OK);
    assert_eq!(with_plan(&app, "free", 0).await, OK, "a cost of 0 passes freely");
    assert_eq!([with_plan(&app, "free", 1).await, with_plan(&app, "free", 1).await], [OK, DENIED]);
    let answer =
        send(&app, Request::get("/?size=1").header("x-plan", "paid").body(Body::empty()).expect("a request"));
    assert_eq!(header(&answer.await, "ratelimit-policy").as_deref(), Some("\"planned\";q=5;w=60"));
}

#[tokio::test]
async fn b014_a_cost_that_is_not_one_ends_the_request_before_any_backend() {
    let backend = Counted::default();
    let registry = throttle::registry().backend("memory", backend.clone()).build().await.expect("a registry");
    let app = service(Router::new().route("/", route(planned)).with_state(App { free: 2 }), &registry);
    let negative = Request::get("/?size=-1").body(Body::empty()).expect("a request");
    assert_eq!(send(&app, negative).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(backend.decided.load(Ordering::SeqCst), 0);
}

#[throttle(rate = "100/min")]
async fn hot() {}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b081_exactly_the_limit_of_concurrent_requests_passes() {
    let app = service(Router::new().route("/", route(hot)), &registry_at(&ManualClock::new()).await);
    let requests: Vec<_> = (0..1_000)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { status(&app, "/").await })
        })
        .collect();
    let mut passed = 0;
    for request in requests {
        passed += usize::from(request.await.expect("a task") == OK);
    }
    assert_eq!(passed, 100);
}

const LIMITS: Rates = match Rates::parse("2/s, 3/min") {
    Ok(rates) => rates,
    Err(_) => panic!("a rate"),
};
const EVEN: Gcra = Gcra::new();

#[throttle(rate = LIMITS, strategy = EVEN.burst(3), cost = COST)]
async fn constants() {}

const COST: u32 = 1;

#[tokio::test]
async fn b114_settings_are_constants_or_literals() {
    let clock = ManualClock::new();
    let app = service(Router::new().route("/", route(constants)), &registry_at(&clock).await);
    assert_eq!([status(&app, "/").await, status(&app, "/").await, status(&app, "/").await], [OK; 3]);
    assert_eq!(status(&app, "/").await, DENIED);
}

struct Api;

impl Api {
    #[throttle(rate = "1/min")]
    async fn list() -> Json<u32> {
        Json(1)
    }

    #[throttle(rate = "2/min")]
    async fn generic<T: Default + serde::Serialize + Send>() -> Json<T> {
        Json(T::default())
    }
}

struct Other;

impl Other {
    #[throttle(rate = "1/min")]
    async fn list() -> Json<u32> {
        Json(2)
    }
}

#[tokio::test]
async fn b114_associated_and_generic_functions_are_handlers_too() {
    let router = Router::new()
        .route("/api", route(Api::list))
        .route("/other", route(Other::list))
        .route("/number", route(Api::generic::<u8>))
        .route("/text", route(Api::generic::<String>));
    let app = service(router, &registry_at(&ManualClock::new()).await);
    assert_eq!([status(&app, "/api").await, status(&app, "/api").await], [OK, DENIED]);
    assert_eq!(text(get(&app, "/other").await).await, "2", "another function, another limit");
    let both = [status(&app, "/number").await, status(&app, "/text").await, status(&app, "/text").await];
    assert_eq!(both, [OK, OK, DENIED], "all instances of a function share its limit");
}

macro_rules! resources {
    ($($resource:ident)*) => { $(
        struct $resource;

        impl $resource {
            #[throttle(rate = "1/min")]
            async fn show() {}
        }
    )* };
}

resources! { Cat Dog Cow }

#[tokio::test]
async fn functions_of_one_macro_have_limits_of_their_own() {
    let router = Router::new()
        .route("/cat", route(Cat::show))
        .route("/dog", route(Dog::show))
        .route("/cow", route(Cow::show));
    let app = service(router, &registry_at(&ManualClock::new()).await);
    for path in ["/cat", "/dog", "/cow"] {
        assert_eq!([status(&app, path).await, status(&app, path).await], [OK, DENIED], "{path}");
    }
}

#[throttle(uid = "burst", rate = "2/s")]
#[throttle(uid = "sustained", rate = "3/min")]
async fn both() {}

#[tokio::test]
async fn b107_b117_several_attributes_apply_all_or_nothing_in_reading_order() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let app = service(Router::new().route("/", route(both)), &registry);
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [OK, OK]);
    for _ in 0..10 {
        let denied = get(&app, "/").await;
        assert_eq!((denied.status(), header(&denied, "retry-after").as_deref()), (DENIED, Some("1")));
        assert_eq!(header(&denied, "ratelimit").as_deref(), Some("\"burst\";r=0;t=1"));
    }
    clock.advance(common::seconds(1));
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [OK, DENIED], "sustained kept one");
    assert_eq!(header(&get(&app, "/").await, "retry-after").as_deref(), Some("59"), "the longest wait");
}

#[throttle(uid = "client", rate = "2/min", key = header("x-client"))]
#[throttle(uid = "all", rate = "3/min", key = global)]
async fn each_and_all() {}

#[tokio::test]
async fn b117_two_attributes_on_a_function_both_hold() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(each_and_all)), &registry);
    let ask = async |client: &str| {
        let request = Request::get("/").header("x-client", client).body(Body::empty()).expect("a request");
        let answer = send(&app, request).await;
        let fields = answer.headers().get_all("ratelimit").iter();
        let fields: Vec<_> = fields.map(|field| field.to_str().expect("text").to_owned()).collect();
        (answer.status(), fields)
    };
    let fields =
        |left: [u64; 2]| [format!("\"client\";r={};t=60", left[0]), format!("\"all\";r={};t=60", left[1])];
    assert_eq!(ask("a").await, (OK, fields([1, 2]).to_vec()), "in reading order");
    assert_eq!(ask("a").await, (OK, fields([0, 1]).to_vec()));
    assert_eq!(
        ask("a").await,
        (DENIED, fields([0, 1])[..1].to_vec()),
        "the first denies, and the second keeps its last"
    );
    assert_eq!(ask("b").await, (OK, fields([1, 0]).to_vec()));
    assert_eq!(
        ask("c").await,
        (DENIED, fields([0, 0])[1..].to_vec()),
        "the second denies whom the first has room for"
    );
    let counts = ["client", "all"].map(|uid| {
        let counts = registry.get(uid).expect("used").counts();
        (counts.allowed, counts.denied)
    });
    assert_eq!(counts, [(3, 1), (3, 1)]);
}

#[throttle(uid = "here", rate = "unlimited, 3/min", key = global)]
#[throttle(uid = "there", rate = "1/min", backend = "there", key = global)]
async fn two_backends() {}

#[tokio::test]
async fn what_an_earlier_backend_took_is_given_back() {
    let clock = ManualClock::new();
    let there = Memory::builder().clock(clock.clone()).build();
    let registry = declared_at(&clock).backend("there", there).build().await.expect("a registry");
    let app = service(Router::new().route("/", route(two_backends)), &registry);
    for expected in [OK, DENIED, DENIED, DENIED, DENIED] {
        assert_eq!(status(&app, "/").await, expected);
    }
    let here = registry.get("here").expect("used");
    assert_eq!(here.quotas(throttle::Key::global()).await.expect("a decision").remaining(), Some(2));
    let (here, there) = (here.counts(), registry.get("there").expect("used").counts());
    assert_eq!((here.allowed, here.given_back, there.allowed, there.denied), (1, 4, 1, 4));
}

#[throttle(uid = "around-a", rate = "3/min", key = global)]
#[throttle(uid = "between", rate = "3/min", key = global, backend = "gone", on_error = "raise")]
#[throttle(uid = "around-b", rate = "3/min", key = global)]
async fn around_a_failure() {}

#[tokio::test]
async fn what_was_taken_around_a_failure_is_given_back_to_whom_it_was_taken_from() {
    let declared = declared_at(&ManualClock::new()).backend("gone", common::Broken::default());
    let registry = declared.build().await.expect("a registry");
    let app = service(Router::new().route("/", route(around_a_failure)), &registry);
    for _ in 0..2 {
        assert_eq!(status(&app, "/").await, StatusCode::INTERNAL_SERVER_ERROR);
    }
    for uid in ["around-a", "around-b"] {
        let throttle = registry.get(uid).expect("used");
        assert_eq!(throttle.quotas(throttle::Key::global()).await.expect("a decision").remaining(), Some(3));
        assert_eq!((throttle.counts().allowed, throttle.counts().given_back), (0, 2), "{uid}");
    }
    let between = registry.get("between").expect("used").counts();
    assert_eq!((between.raised, between.given_back), (2, 0));
}

#[throttle(uid = "one-call-a", rate = "3/min")]
#[throttle(uid = "one-call-b", rate = "2/min")]
#[throttle(uid = "one-call-c", rate = "1/min", dry_run)]
async fn one_call() {}

#[tokio::test]
async fn attributes_on_one_backend_are_one_decision() {
    let backend = Counted::default();
    let declared = throttle::registry().backend("memory", backend.clone());
    let app =
        service(Router::new().route("/", route(one_call)), &declared.build().await.expect("a registry"));
    status(&app, "/").await;
    assert_eq!(backend.decided.load(Ordering::SeqCst), 2, "one for those that count, one for the dry run");
}

#[throttle(uid = "shadow", rate = "1/min", dry_run)]
#[throttle(uid = "real", rate = "2/min")]
async fn shadowed() {}

#[tokio::test]
async fn b119_a_dry_run_decides_counts_and_enforces_nothing() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(shadowed)), &registry);
    assert_eq!([status(&app, "/").await, status(&app, "/").await, status(&app, "/").await], [OK, OK, DENIED]);
    let shadow = registry.get("shadow").expect("used").counts();
    assert_eq!((shadow.allowed, shadow.would_deny, shadow.denied), (1, 2, 0));
    let real = registry.get("real").expect("used").counts();
    assert_eq!((real.allowed, real.denied), (2, 1));
}

async fn forbidden(_: Throttled) -> Result<String, StatusCode> {
    Err(StatusCode::FORBIDDEN)
}

async fn misplaced(_: Failure) -> Result<ErrorAction, throttle::BackendError> {
    Ok(ErrorAction::Allow)
}

#[throttle(rate = "1/min", handler = forbidden, on_error = misplaced)]
async fn refusing() {}

#[tokio::test]
async fn b114_a_handler_may_answer_what_it_likes() {
    let app = service(Router::new().route("/", route(refusing)), &registry_at(&ManualClock::new()).await);
    get(&app, "/").await;
    assert_eq!(status(&app, "/").await, StatusCode::FORBIDDEN);
}

#[throttle(uid = "lost", rate = "1/min", backend = "nowhere")]
async fn lost() {}

#[tokio::test]
async fn b021_a_handler_without_a_backend_is_a_500_that_names_it() {
    let app = service(Router::new().route("/", route(lost)), &registry_at(&ManualClock::new()).await);
    let answer = get(&app, "/").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let error = answer.extensions().get::<throttle::ConfigError>().expect("the error").to_string();
    assert!(
        error.contains("`lost`") && error.contains("\"nowhere\"") && error.contains("attribute.rs:"),
        "{error}"
    );
}

async fn key_of_a_dry_run() -> Result<String, StatusCode> {
    Err(StatusCode::UNAUTHORIZED)
}

#[throttle(rate = "1/min", dry_run, key = key_of_a_dry_run)]
async fn dry_key() {}

#[tokio::test]
async fn b119_a_dry_run_ends_no_request_whatever_its_functions_say() {
    let app = service(Router::new().route("/", route(dry_key)), &registry_at(&ManualClock::new()).await);
    assert_eq!(status(&app, "/").await, OK);
}

#[throttle(uid = "configured", rate = "1/min")]
async fn configured() {}

#[tokio::test]
async fn an_override_beats_the_attribute() {
    let declared = declared_at(&ManualClock::new()).throttle("configured", Settings::new().rate("3/min"));
    let app =
        service(Router::new().route("/", route(configured)), &declared.build().await.expect("a registry"));
    assert_eq!(header(&get(&app, "/").await, "ratelimit-policy").as_deref(), Some("\"configured\";q=3;w=60"));
}
