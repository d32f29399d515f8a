//! Limits around services: behaviours 20, 104, 108, 109 and 110, and 102 and 103 on a layer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use axum::routing::{any as route, get as read};
use throttle::backend::Memory;
use throttle::rule::Rules;
use throttle::tower::Limiter;
use throttle::{
    Headers, ManualClock, Registry, Rule, Settings, ThrottleLayer, Throttled, registry, throttle,
};
use tower::{Layer, Service, ServiceExt};

use crate::common::{
    Broken, Counted, declared_at, get, header, number, registry_at, seconds, send, service, status, text,
};

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

async fn ok() -> &'static str {
    "ok"
}

#[throttle(uid = "attribute", rate = "2/min")]
async fn limited() -> &'static str {
    "ok"
}

#[throttle(uid = "legacy", rate = "5/min", headers = "legacy")]
async fn legacy() {}

#[throttle(uid = "shared", rate = "2/min")]
async fn shared() {}

fn app(limits: ThrottleLayer, registry: &Registry) -> Router {
    let router = Router::new()
        .route("/limited", read(limited))
        .route("/legacy", read(legacy))
        .route("/shared", read(shared))
        .fallback(route(ok));
    service(router.layer(limits), registry)
}

fn per_minute(rate: &'static str) -> Settings {
    Settings::new().rate(rate)
}

async fn ask(app: &Router, method: Method, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    send(app, request).await.status()
}

async fn twice(app: &Router, path: &str) -> [StatusCode; 2] {
    [status(app, path).await, status(app, path).await]
}

async fn is_never_exempt() -> bool {
    false
}

async fn apologize(throttled: Throttled) -> (StatusCode, String) {
    (DENIED, format!("Sorry. {throttled}"))
}

/// A denial without a function has its response immediately. Other denials are made in a future of their own.
#[tokio::test]
async fn both_ways_to_a_denial_make_the_same_response() {
    let clock = ManualClock::new();
    for settings in [
        per_minute("1/min"),
        per_minute("1/min").headers(Headers::LEGACY),
        per_minute("1/min").headers(Headers::OFF),
        per_minute("1/min").headers(Headers::DRAFT_11.policy(false).retry_after(false)),
        per_minute("1/min").handler(apologize),
    ] {
        let (registry, mut denials) = (registry_at(&clock).await, Vec::new());
        for (uid, settings) in [("now", settings.clone()), ("later", settings.exempt(is_never_exempt))] {
            let app = app(ThrottleLayer::new([(uid, settings)]), &registry);
            assert_eq!(status(&app, "/").await, OK);
            let denied = get(&app, "/").await;
            let (status, headers) = (denied.status(), format!("{:?}", denied.headers()).replace(uid, "name"));
            denials.push((status, headers, text(denied).await));
        }
        assert_eq!(denials[0], denials[1]);
        assert_eq!(denials[0].0, DENIED);
    }
}

#[tokio::test]
async fn a_layer_limits_a_whole_router_as_an_attribute_does_a_handler() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let app = app(ThrottleLayer::new([("api", per_minute("2/min"))]), &registry);
    assert_eq!([status(&app, "/a").await, status(&app, "/b").await], [OK, OK]);
    clock.advance(seconds(18));
    let denied = get(&app, "/c").await;
    assert_eq!(denied.status(), DENIED);
    assert_eq!(header(&denied, "content-type").as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!(number(&denied, "retry-after"), Some(42));
    assert_eq!(header(&denied, "ratelimit").as_deref(), Some("\"api\";r=0;t=42"));
    assert_eq!(text(denied).await, "Too many requests. Retry in 42 seconds.");
    clock.advance(seconds(42));
    assert_eq!(status(&app, "/a").await, OK);
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied), (3, 1));
}

async fn place(method: Method, uri: Uri) -> (String, String) {
    (method.to_string(), uri.path().to_owned())
}

#[tokio::test]
async fn b020_one_layer_counts_all_paths_and_methods_unless_its_key_tells_them_apart() {
    let registry = registry_at(&ManualClock::new()).await;
    let together = app(ThrottleLayer::new([("together", per_minute("1/min"))]), &registry);
    assert_eq!(ask(&together, Method::GET, "/a").await, OK);
    assert_eq!(ask(&together, Method::POST, "/b").await, DENIED);

    let apart = app(ThrottleLayer::new([("apart", per_minute("1/min").key(place))]), &registry);
    for (method, path) in [(Method::GET, "/a"), (Method::POST, "/a"), (Method::GET, "/b")] {
        assert_eq!(ask(&apart, method.clone(), path).await, OK, "{method} {path}");
        assert_eq!(ask(&apart, method.clone(), path).await, DENIED, "{method} {path}");
    }
}

#[tokio::test]
async fn b102_b103_b110_rules_say_what_a_layer_is_about() {
    let registry = registry_at(&ManualClock::new()).await;
    let limits = ThrottleLayer::new([("one", per_minute("1/min")), ("two", per_minute("9/min"))])
        .only(Rule::path("/api/**").method(Method::GET))
        .only("/either".parse::<Rule>().expect("a pattern"))
        .bypass(Rule::path("/api/health"));
    let app = app(limits, &registry);
    for path in ["/apix", "/x/api", "/api/health"] {
        assert_eq!(twice(&app, path).await, [OK, OK], "{path}");
    }
    for _ in 0..3 {
        assert_eq!(ask(&app, Method::POST, "/api/items").await, OK);
    }
    assert_eq!(twice(&app, "/api/items").await, [OK, DENIED]);
    assert_eq!(status(&app, "/either").await, DENIED);
    for uid in ["one", "two"] {
        assert_eq!(registry.get(uid).expect("used").counts().skipped, 9, "{uid}");
    }
}

#[tokio::test]
async fn rules_of_the_layer_and_of_its_throttles_both_hold() {
    async fn is_guest(headers: HeaderMap) -> bool {
        !headers.contains_key("x-user")
    }
    let registry = registry_at(&ManualClock::new()).await;
    let settings = per_minute("1/min").only(Rule::path("/a"));
    let app = app(ThrottleLayer::new([("api", settings)]).only(is_guest), &registry);
    assert_eq!(twice(&app, "/b").await, [OK, OK]);
    assert_eq!(twice(&app, "/a").await, [OK, DENIED]);
    let user = Request::get("/a").header("x-user", "ann").body(Body::empty()).expect("a request");
    assert_eq!(send(&app, user).await.status(), OK);
    registry.add_rules("api", Rules::new().bypass(Rule::path("/a"))).expect("the layer's");
    assert_eq!(twice(&app, "/a").await, [OK, OK], "added at run time");
}

#[tokio::test]
async fn b102_what_is_decided_at_once_goes_by_the_rules_of_the_throttle_too() {
    let registry = registry_at(&ManualClock::new()).await;
    let settings = per_minute("1/min").only(Rule::path("/a/**")).bypass(Rule::path("/a/b"));
    let app = app(ThrottleLayer::new([("api", settings)]), &registry);
    for path in ["/b", "/a/b"] {
        assert_eq!(twice(&app, path).await, [OK, OK], "{path}");
    }
    assert_eq!(twice(&app, "/a").await, [OK, DENIED]);
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied, counts.skipped), (1, 1, 4));
}

#[tokio::test]
async fn b104_a_throttle_of_a_layer_is_switched_off_and_on() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(ThrottleLayer::new([("api", per_minute("1/min"))]), &registry);
    assert_eq!(status(&app, "/").await, OK);
    assert!(registry.disable("api"));
    assert_eq!(twice(&app, "/").await, [OK, OK]);
    assert!(registry.enable("api"));
    assert_eq!(status(&app, "/").await, DENIED, "the old count goes on");
    registry.disable_all();
    assert_eq!(status(&app, "/").await, OK);
}

#[tokio::test]
async fn b108_the_fields_of_a_layer_are_those_of_an_attribute() {
    let registry = registry_at(&ManualClock::new()).await;
    let fields = |limits| {
        let app = app(limits, &registry);
        async move {
            let answer = get(&app, "/").await;
            ["ratelimit-policy", "ratelimit", "x-ratelimit-remaining"].map(|name| header(&answer, name))
        }
    };
    let some = |texts: [&str; 3]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let draft = ThrottleLayer::new([("draft", per_minute("3/min, 9/hour"))]);
    let [policy, state] = [
        "\"draft/min\";q=3;w=60, \"draft/hour\";q=9;w=3600",
        "\"draft/min\";r=2;t=60, \"draft/hour\";r=8;t=3600",
    ];
    assert_eq!(fields(draft).await, some([policy, state, ""]));
    let old = ThrottleLayer::new([("old", per_minute("3/min").headers(Headers::LEGACY))]);
    assert_eq!(fields(old).await, some(["", "", "2"]));
    let off = ThrottleLayer::new([("off", per_minute("3/min").headers(Headers::OFF))]);
    assert_eq!(fields(off).await, some(["", "", ""]));
}

#[tokio::test]
async fn b109_layer_and_attribute_count_once_each_and_the_stricter_values_win() {
    let registry = registry_at(&ManualClock::new()).await;
    let limits = ThrottleLayer::new([("layer", per_minute("9/min"))]);
    let app = app(limits, &registry);
    let answer = get(&app, "/limited").await;
    let all = |answer: &Response<Body>, name| {
        let values = answer.headers().get_all(name).iter();
        values.map(|value| value.to_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(all(&answer, "ratelimit"), ["\"attribute\";r=1;t=60", "\"layer\";r=8;t=60"]);
    assert_eq!(all(&answer, "ratelimit-policy"), ["\"attribute\";q=2;w=60", "\"layer\";q=9;w=60"]);
    get(&app, "/limited").await;
    let denied = get(&app, "/limited").await;
    assert_eq!((denied.status(), number(&denied, "retry-after")), (DENIED, Some(60)));
    assert_eq!(
        all(&denied, "ratelimit"),
        ["\"attribute\";r=0;t=60", "\"layer\";r=6;t=60"],
        "what it charged stays"
    );
    let counts = |uid| registry.get(uid).expect("used").counts();
    assert_eq!((counts("attribute").allowed, counts("attribute").denied), (2, 1));
    assert_eq!((counts("layer").allowed, counts("layer").denied), (3, 0));
}

#[tokio::test]
async fn b109_of_single_values_the_strictest_stays_whoever_says_it() {
    for (rate, strictest) in [("2/min", 1), ("9/min", 4)] {
        let registry = registry_at(&ManualClock::new()).await;
        let limits = ThrottleLayer::new([("layer", per_minute(rate).headers(Headers::LEGACY))]);
        let answer = get(&app(limits, &registry), "/legacy").await;
        assert_eq!(number(&answer, "x-ratelimit-remaining"), Some(strictest), "{rate}");
        assert_eq!(number(&answer, "x-ratelimit-limit"), Some(strictest + 1), "{rate}");
    }
}

#[tokio::test]
async fn several_throttles_are_one_decision_and_the_longest_wait_is_the_answer() {
    let memory = Memory::builder().clock(ManualClock::new()).build();
    let backend = Counted { memory: Arc::new(memory), ..Counted::default() };
    let registry = registry().backend("memory", backend.clone()).build().await.expect("a registry");
    let limits = ThrottleLayer::new([("short", per_minute("2/min")), ("long", per_minute("1/hour"))]);
    let app = app(limits, &registry);
    assert_eq!(twice(&app, "/").await, [OK, DENIED]);
    assert_eq!(backend.decided.load(Ordering::SeqCst), 2, "one for each request");
    let counts = |uid| registry.get(uid).expect("used").counts();
    assert_eq!((counts("short").allowed, counts("long").allowed), (1, 1));
    let denied = get(&app, "/").await;
    assert_eq!(number(&denied, "retry-after"), Some(3600));
    assert_eq!(header(&denied, "ratelimit-policy").as_deref(), Some("\"long\";q=1;w=3600"));
}

/// Throttles on different backends decide in sequence, so the order shows in the backends that were called.
#[tokio::test]
async fn b110_the_order_is_as_written_or_stable_by_cost() {
    async fn dynamic() -> u64 {
        1
    }
    let orders = |limits: ThrottleLayer| async move {
        let registry = declared_at(&ManualClock::new()).build().await.expect("a registry");
        let answer = get(&app(limits, &registry), "/").await;
        let values = answer.headers().get_all("ratelimit").iter();
        values.map(|value| value.to_str().expect("text")[1..2].to_owned()).collect::<String>()
    };
    let limits = || {
        let cost = |cost: u64| per_minute("9/min").cost(cost);
        ThrottleLayer::new([
            ("d", per_minute("9/min").cost(dynamic)),
            ("c", cost(3)),
            ("a", cost(1)),
            ("e", cost(3)),
            ("b", cost(1)),
        ])
    };
    assert_eq!(orders(limits()).await, "dcaeb");
    assert_eq!(orders(limits().cheap_first()).await, "abced");
    assert_eq!(orders(limits().cheap_first().in_order()).await, "dcaeb");
}

#[tokio::test]
async fn what_one_backend_took_is_given_back_when_another_denies() {
    let clock = ManualClock::new();
    let second = Memory::builder().clock(clock.clone()).build();
    let registry = declared_at(&clock).backend("second", second).build().await.expect("a registry");
    let strict = per_minute("1/min").backend("second");
    let app = app(ThrottleLayer::new([("wide", per_minute("5/min")), ("strict", strict)]), &registry);
    assert_eq!(
        [status(&app, "/").await, status(&app, "/").await, status(&app, "/").await],
        [OK, DENIED, DENIED]
    );
    let counts = registry.get("wide").expect("used").counts();
    assert_eq!((counts.allowed, counts.given_back), (1, 2));
    assert_eq!(
        registry
            .get("wide")
            .expect("used")
            .quotas(throttle::Key::from(std::net::IpAddr::from([192, 0, 2, 1])))
            .await
            .expect("a decision")
            .remaining(),
        Some(4)
    );
}

#[tokio::test]
async fn a_layer_shares_the_throttle_whose_uid_it_names() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(ThrottleLayer::new(["shared"]).bypass(Rule::path("/shared")), &registry);
    assert_eq!([status(&app, "/a").await, status(&app, "/shared").await], [OK, OK]);
    assert_eq!([status(&app, "/b").await, status(&app, "/shared").await], [DENIED, DENIED]);
}

#[tokio::test]
async fn a_layer_takes_a_throttle_that_there_is() {
    let registry = registry_at(&ManualClock::new()).await;
    let made = registry.create("made", per_minute("1/min")).expect("a throttle");
    let limits = ThrottleLayer::new([&made]).and(("more", per_minute("9/min")));
    assert_eq!(twice(&app(limits, &registry), "/").await, [OK, DENIED]);
    assert_eq!(made.counts().allowed, 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_layer_stops_the_start_or_answers_500() {
    let registry = registry_at(&ManualClock::new()).await;
    let limits = || {
        let mut limits = ThrottleLayer::new(["nobody"]);
        for (uid, rate) in [("attribute", "3/min"), ("wrong", "3/fortnight"), (" ", "1/min")] {
            limits = limits.and((uid, Settings::new().rate(rate)));
        }
        limits
    };
    let error = registry.scope(async { limits().check() }).await.expect_err("four mistakes");
    let problems = error.problems();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (problem, part) in problems.iter().zip([
        "`nobody`",
        "of an attribute at tests/requests/layer.rs:",
        "3/fortnight",
        "blank",
    ]) {
        assert!(problem.contains(part), "{problem}");
    }
    let answer = get(&app(limits(), &registry), "/").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text(answer).await, "the rate limiter is misconfigured");
    assert!(registry.scope(async { ThrottleLayer::new(["attribute"]).check() }).await.is_ok());
}

#[tokio::test]
async fn two_layers_that_say_the_same_share_and_others_clash() {
    let registry = registry_at(&ManualClock::new()).await;
    let layer = |rate| app(ThrottleLayer::new([("same", per_minute(rate))]), &registry);
    assert_eq!([status(&layer("1/min"), "/").await, status(&layer("1/min"), "/").await], [OK, DENIED]);
    assert_eq!(status(&layer("2/min"), "/").await, StatusCode::INTERNAL_SERVER_ERROR);
}

async fn sorry(throttled: Throttled, uri: Uri) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{} at {}", throttled.uid(), uri.path()))
}

#[tokio::test]
async fn the_handler_of_the_throttle_answers() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = app(ThrottleLayer::new([("api", per_minute("1/min").handler(sorry))]), &registry);
    get(&app, "/").await;
    let denied = get(&app, "/here").await;
    assert_eq!(
        (denied.status(), number(&denied, "retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, Some(60))
    );
    assert_eq!(text(denied).await, "api at /here");
}

#[tokio::test]
async fn a_failing_backend_is_answered_by_the_policy() {
    let registry = registry().backend("memory", Broken::default()).build().await.expect("a registry");
    let policy =
        |uid, policy: &'static str| ThrottleLayer::new([(uid, per_minute("1/min").on_error(policy))]);
    for (uid, expected) in [("allow", OK), ("throttle", DENIED), ("raise", StatusCode::INTERNAL_SERVER_ERROR)]
    {
        assert_eq!(status(&app(policy(uid, uid), &registry), "/").await, expected);
    }
}

/// A service that uses neither axum nor its body.
#[derive(Default)]
struct Plain {
    ready: bool,
    called: Arc<AtomicUsize>,
}

/// A clone has to be polled for readiness again.
impl Clone for Plain {
    fn clone(&self) -> Self {
        Self { ready: false, called: Arc::clone(&self.called) }
    }
}

impl Service<Request<String>> for Plain {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        self.ready = true;
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been asked whether it is ready");
        self.called.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new(request.into_body())))
    }
}

#[tokio::test]
async fn f25_any_body_of_bytes_will_do_and_a_denied_request_does_not_reach_the_service() {
    let registry = registry_at(&ManualClock::new()).await;
    let inner = Plain::default();
    let settings = per_minute("1/min").handler(sorry).key(throttle::key::Header("x-key"));
    for limits in [
        ThrottleLayer::new([("one", settings.clone())]),
        ThrottleLayer::new([("first", settings.clone()), ("second", settings)]),
    ] {
        let mut limited = limits.layer(inner.clone());
        let ask = |key: &str| {
            let request = Request::builder().extension(registry.clone()).header("x-key", key);
            request.body("hello".to_owned()).expect("a request")
        };
        for key in ["a", "b"] {
            let passed = limited.ready().await.expect("ready").call(ask(key)).await.expect("an answer");
            assert!(passed.headers().contains_key("ratelimit"));
            assert_eq!(text(passed).await, "hello");
        }
        let denied = limited.ready().await.expect("ready").call(ask("a")).await.expect("an answer");
        assert_eq!(denied.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            denied.headers().contains_key("retry-after") && denied.headers().contains_key("content-type")
        );
        assert!(text(denied).await.ends_with(" at /"), "by the handler");
    }
    assert_eq!(inner.called.load(Ordering::SeqCst), 4);
}

#[test]
fn layers_and_services_are_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let limits = ThrottleLayer::new([Limiter::from("api")]);
    shared(&limits);
    shared(&limits.layer(Plain::default()));
}
