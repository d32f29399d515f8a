//! The headers of responses: behaviour 108, byte for byte.

mod common;
#[path = "common/header_routes.rs"]
mod header_routes;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get as route;
use common::{get, header, number, registry_at, seconds, send, service};
use throttle::backend::Memory;
use throttle::strategy::{
    Adaptive, Class, CostBasedTokenBucket, Gcra, LeakyBucket, LeakyBucketQueue, Multiplier,
    QuotaWithRollover, SlidingWindowLog, TieredRate, TimeOfDay, TokenBucket, TokenBucketWithDebt,
};
use throttle::{
    Clock, HeaderPolicy, Headers, ManualClock, Rate, Settings, ThrottleLayer, registry, throttle,
};

#[throttle(uid = "legacy", rate = "3/min, 100/hour", headers = "legacy")]
async fn legacy() {}

#[throttle(uid = "off", rate = "1/min", headers = "off")]
async fn off() {}

#[throttle(uid = "denied", rate = "1/min", headers = Headers::DRAFT_11.legacy(true).when(HeaderPolicy::Denied))]
async fn denied_only() {}

#[throttle(uid = "first", rate = "5/min")]
#[throttle(uid = "second", rate = "9/hour")]
async fn stacked() {}

#[throttle(uid = "dry", rate = "1/min", dry_run)]
async fn dry() {}

mod v1 {
    #[throttle::throttle(rate = "5/min")]
    pub(super) async fn search() {}

    #[throttle::throttle(rate = "5/min, 100/hour")]
    pub(super) async fn only_here() {}
}

mod v2 {
    #[throttle::throttle(rate = "5/min")]
    pub(super) async fn search() {}

    #[throttle::throttle(rate = "5/min")]
    pub(super) async fn chosen() {}
}

#[throttle(uid = "chosen", rate = "5/min")]
async fn with_a_uid() {}

#[throttle(uid = "only_here/min", rate = "5/min")]
async fn like_a_limit() {}

/// A name is short if that is unique in the program, and otherwise as long as necessary.
#[tokio::test]
async fn f17_names_are_unique_within_the_program() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = Router::new()
        .route("/v1", route(v1::search))
        .route("/v2", route(v2::search))
        .route("/only", route(v1::only_here))
        .route("/chosen", route(v2::chosen))
        .route("/uid", route(with_a_uid))
        .route("/like", route(like_a_limit));
    let app = service(app, &registry);
    for (path, wanted) in [
        ("/v1", r#""v1::search";r=4;t=60"#),
        ("/v2", r#""v2::search";r=4;t=60"#),
        ("/only", r#""only_here/min";r=4;t=60, "only_here/hour";r=99;t=3600"#),
        ("/chosen", r#""v2::chosen";r=4;t=60"#),
        ("/uid", r#""chosen";r=4;t=60"#),
        ("/like", r#""only_here%2Fmin";r=4;t=60"#),
    ] {
        assert_eq!(header(&get(&app, path).await, "ratelimit").as_deref(), Some(wanted), "{path}");
    }
    let mut names: Vec<_> = throttle::sites().into_iter().map(throttle::Site::name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// A throttle that is created later takes no name of an attribute, whether or not that name was used before.
#[tokio::test]
async fn f17_layers_and_dynamic_throttles_take_no_name_of_another() {
    let registry = registry_at(&ManualClock::new()).await;
    for (uid, wanted) in [("plenty", "plenty"), ("only_here", "only_here#2"), ("v1::search", "v1::search#2")]
    {
        registry.create(uid, Settings::new().rate("5/min")).expect("a throttle");
        let app = Router::new().route("/", route(async || ())).layer(ThrottleLayer::new([uid]));
        let app = service(app, &registry);
        let wanted = format!("\"{wanted}\";r=4;t=60");
        assert_eq!(header(&get(&app, "/").await, "ratelimit"), Some(wanted));
    }
    let layer = ThrottleLayer::new([("search", Settings::new().rate("5/min"))]);
    let app = service(Router::new().route("/", route(v1::search)).layer(layer), &registry);
    let response = get(&app, "/").await;
    let mut lines = response.headers().get_all("ratelimit").iter().map(|line| line.to_str().expect("text"));
    assert_eq!(lines.next(), Some(r#""v1::search";r=4;t=60"#));
    assert_eq!(lines.next(), Some(r#""search";r=4;t=60"#));
}

async fn free() -> Rate {
    Rate::UNLIMITED
}

#[throttle(uid = "unlimited", rate = free)]
async fn unlimited() {}

#[throttle(uid = "redirect", rate = "1/min")]
async fn redirect() -> Response {
    Redirect::to("/elsewhere").into_response()
}

#[throttle(uid = "status", rate = "28/min", headers = Headers::DRAFT_11.legacy(true))]
async fn any_status(Path(code): Path<u16>) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

async fn app() -> (Router, ManualClock) {
    let clock = ManualClock::new();
    let router = header_routes::routes()
        .route("/legacy", route(legacy))
        .route("/off", route(off))
        .route("/denied", route(denied_only))
        .route("/stacked", route(stacked))
        .route("/dry", route(dry))
        .route("/unlimited", route(unlimited))
        .route("/status/{code}", route(any_status))
        .route("/redirect", route(redirect));
    let registry = registry_at(&clock).await;
    clock.advance(Duration::from_millis(18_200));
    (service(router, &registry), clock)
}

/// Returns policy, state, and `Retry-After`.
async fn fields(app: &Router, path: &str) -> [Option<String>; 3] {
    let answer = get(app, path).await;
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| header(&answer, name))
}

fn some(texts: [&str; 3]) -> [Option<String>; 3] {
    texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

#[tokio::test]
async fn b108_draft_11_to_the_byte() {
    let (app, clock) = app().await;
    let policy = "\"plain\";q=3;w=60";
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=2;t=42", ""]));
    clock.advance(seconds(2));
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=1;t=40", ""]));
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=0;t=40", ""]));
    assert_eq!(fields(&app, "/plain").await, some([policy, "\"plain\";r=0;t=40", "40"]));
}

#[tokio::test]
async fn several_limits_and_hostile_names() {
    let (app, _) = app().await;
    let name = r#""a \"quoted\" \\ n%C3%A4me"#;
    let [policy, state, _] = fields(&app, "/several").await;
    assert_eq!(policy, Some(format!("{name}/s\";q=10;w=1, {name}/hour\";q=500;w=3600")));
    assert_eq!(state, Some(format!("{name}/s\";r=9;t=1, {name}/hour\";r=499;t=3582")));
}

#[tokio::test]
async fn windows_that_are_not_whole_seconds_are_not_claimed() {
    let (app, _) = app().await;
    let [policy, ..] = fields(&app, "/fine").await;
    assert_eq!(policy.as_deref(), Some("\"fine/1500ms\";q=7, \"fine/90s\";q=9;w=90"));
}

#[tokio::test]
async fn d20_bucket_strategies_state_the_rate_and_the_true_effective_window() {
    let (app, clock) = app().await;
    let policy = "\"gcra\";q=10;w=60";
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=2;t=6", ""]));
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=1;t=6", ""]));
    clock.advance(seconds(2));
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=0;t=4", ""]));
    assert_eq!(fields(&app, "/gcra").await, some([policy, "\"gcra\";r=0;t=4", "4"]));
}

#[tokio::test]
async fn integers_stay_within_structured_fields() {
    let (app, _) = app().await;
    let [policy, state, _] = fields(&app, "/huge").await;
    assert_eq!(policy.as_deref(), Some("\"huge\";q=999999999999999;w=1"));
    assert_eq!(state.as_deref(), Some("\"huge\";r=999999999999999;t=1"));
}

#[tokio::test]
async fn b108_legacy_fields_are_integers_of_the_tightest_limit() {
    let (app, _) = app().await;
    let legacy =
        ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "ratelimit"];
    let read = |answer: Response| legacy.map(|name| number(&answer, name));
    assert_eq!(read(get(&app, "/legacy").await), [Some(3), Some(2), Some(42), None, None]);
    get(&app, "/legacy").await;
    assert_eq!(read(get(&app, "/legacy").await), [Some(3), Some(0), Some(42), None, None]);
    assert_eq!(read(get(&app, "/legacy").await), [Some(3), Some(0), Some(42), Some(42), None]);
}

#[tokio::test]
async fn b108_fields_can_be_switched_off() {
    let (app, _) = app().await;
    assert_eq!(fields(&app, "/off").await, some(["", "", ""]));
    assert_eq!(fields(&app, "/off").await, some(["", "", ""]), "not even on the denial");
    assert_eq!(fields(&app, "/bare").await, some(["", "\"bare\";r=0;t=42", ""]));
    assert_eq!(fields(&app, "/bare").await, some(["", "\"bare\";r=0;t=42", ""]));
    assert_eq!(fields(&app, "/unlimited").await, some(["", "", ""]));
}

#[tokio::test]
async fn b108_only_on_denials_is_not_on_the_last_allowed_answer() {
    let (app, _) = app().await;
    let allowed = get(&app, "/denied").await;
    assert!(allowed.headers().keys().all(|name| !name.as_str().contains("ratelimit")));
    let denied = get(&app, "/denied").await;
    assert_eq!(number(&denied, "x-ratelimit-remaining"), Some(0));
    assert_eq!(header(&denied, "ratelimit").as_deref(), Some("\"denied\";r=0;t=42"));
}

#[tokio::test]
async fn stacked_attributes_share_one_answer() {
    let (app, _) = app().await;
    let answer = get(&app, "/stacked").await;
    let states: Vec<_> = answer.headers().get_all("ratelimit").iter().collect();
    assert_eq!(states, ["\"first\";r=4;t=42", "\"second\";r=8;t=3582"]);
}

#[tokio::test]
async fn a_dry_run_says_nothing() {
    let (app, _) = app().await;
    for _ in 0..3 {
        let answer = get(&app, "/dry").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "ratelimit"), None);
    }
}

#[tokio::test]
async fn f43_every_status_carries_the_headers_also_with_nothing_left() {
    let (app, _) = app().await;
    let answer = get(&app, "/redirect").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(header(&answer, "ratelimit").as_deref(), Some("\"redirect\";r=0;t=42"));
    for code in [200, 204, 205, 206, 301, 302, 304, 307, 308, 400, 404, 429, 500, 503] {
        let path = format!("/status/{code}");
        for method in [Method::GET, Method::HEAD] {
            let request =
                Request::builder().method(method).uri(&path).body(Body::empty()).expect("a request");
            let answer = send(&app, request).await;
            assert_eq!(answer.status().as_u16(), code);
            for name in ["ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining"] {
                assert!(header(&answer, name).is_some(), "{name} is missing with status {code}");
            }
        }
    }
}

/// The limits in the headers of a response: the numbers of `RateLimit-Policy` and `RateLimit`, and the legacy
/// ones.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    q: u64,
    w: u64,
    r: u64,
    t: u64,
    legacy: (u64, u64),
    retry_after: Option<u64>,
}

fn shown(answer: &Response) -> Shown {
    let parameter = |name: &str, parameter: &str| {
        let text = header(answer, name).unwrap_or_else(|| panic!("{name} is missing"));
        let from = text.find(&format!(";{parameter}=")).expect("a parameter") + parameter.len() + 2;
        let digits: String = text[from..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let legacy = |name| number(answer, name).expect("a legacy header");
    Shown {
        q: parameter("ratelimit-policy", "q"),
        w: parameter("ratelimit-policy", "w"),
        r: parameter("ratelimit", "r"),
        t: parameter("ratelimit", "t"),
        legacy: (legacy("x-ratelimit-limit"), legacy("x-ratelimit-remaining")),
        retry_after: number(answer, "retry-after"),
    }
}

async fn class(headers: HeaderMap) -> Class {
    headers.get("class").and_then(|value| value.to_str().ok()).map_or(Class::NONE, Class::from)
}

async fn cost(headers: HeaderMap) -> u64 {
    headers.get("cost").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(1)
}

const BOTH: Headers = Headers::DRAFT_11.legacy(true);

mod applies {
    use super::*;

    macro_rules! strategies {
        ($($name:ident: $strategy:expr;)*) => {
            $(
                #[throttle(
                    rate = "10/min", strategy = $strategy, class = class, cost = cost, headers = BOTH,
                )]
                async fn $name() {}
            )*

            pub(super) fn all() -> Vec<(&'static str, axum::routing::MethodRouter)> {
                vec![$((stringify!($name), route($name))),*]
            }
        };
    }

    strategies! {
        window: throttle::strategy::FixedWindow;
        log: SlidingWindowLog;
        counter: throttle::strategy::SlidingWindowCounter;
        priority: throttle::strategy::PriorityQueue::new();
        tiers: TieredRate::of("free", Multiplier::ONE).tier("premium", Multiplier::new(5)).tier("trial", Multiplier::ratio(1, 5));
        tokens: TokenBucket::new().burst(49);
        small: TokenBucket::new().burst(3);
        debt: TokenBucketWithDebt::new().burst(12).max_debt(8);
        leaky: LeakyBucket;
        queue: LeakyBucketQueue::new().size(30);
        cells: Gcra::new().burst(25);
        costs: CostBasedTokenBucket::new().burst(40);
        hours: TimeOfDay::in_zone("UTC").window(0, 1, Multiplier::new(3)).window(1, 2, Multiplier::ratio(1, 2));
        rollover: QuotaWithRollover::new().rollover(100);
        adaptive: Adaptive::new();
    }
}

async fn app_of_all(clock: &ManualClock) -> Router {
    let all = applies::all();
    let router = all
        .into_iter()
        .fold(Router::new(), |router, (name, handler)| router.route(&format!("/{name}"), handler));
    service(router, &registry_at(clock).await)
}

async fn ask(app: &Router, path: &str, class: &str, cost: u64) -> Shown {
    let request = Request::get(path).header("class", class).header("cost", cost);
    shown(&send(app, request.body(Body::empty()).expect("a request")).await)
}

#[tokio::test]
async fn f40_the_limit_in_the_headers_is_the_one_that_applies_to_this_client() {
    let clock = ManualClock::new();
    let app = app_of_all(&clock).await;
    let expected = [
        ("/tiers", "premium", 50, 49),
        ("/tiers", "free", 10, 8),
        ("/tiers", "trial", 2, 0),
        ("/tokens", "", 49, 48),
        ("/small", "", 10, 2),
        ("/debt", "", 20, 19),
        ("/queue", "", 30, 29),
        ("/cells", "", 25, 24),
        ("/costs", "", 40, 39),
        ("/hours", "", 30, 29),
        ("/rollover", "", 10, 9),
        ("/adaptive", "", 10, 9),
    ];
    for (path, class, q, r) in expected {
        let Shown { q: limit, w, r: left, legacy, .. } = ask(&app, path, class, 1).await;
        assert_eq!((limit, w, left, legacy), (q, 60, r, (q, r)), "{path} {class}");
    }
    // A new minute: the remaining quota is carried over, and the quota that was consumed under load is missing.
    ask(&app, "/adaptive", "", 9).await;
    clock.advance(seconds(60));
    let Shown { q, r, .. } = ask(&app, "/rollover", "", 1).await;
    assert_eq!((q, r), (19, 18));
    let Shown { q, r, .. } = ask(&app, "/adaptive", "", 1).await;
    assert_eq!((q, r), (6, 5));
    clock.advance(seconds(3_600));
    let Shown { q, r, .. } = ask(&app, "/hours", "", 1).await;
    assert_eq!((q, r), (5, 4));
}

#[tokio::test]
async fn f40_headers_never_show_more_left_than_the_limit() {
    let clock = ManualClock::new();
    let app = app_of_all(&clock).await;
    let names: Vec<_> = applies::all().into_iter().map(|(name, _)| format!("/{name}")).collect();
    let mut random = 7_u64;
    for _ in 0..600 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = |from: u32, of: u64| usize::try_from((random >> from) % of).expect("an index");
        let class = ["", "premium", "trial", "low", "critical"][pick(20, 5)];
        let cost = [1, 1, 2, 3, 7, 20, 60][pick(30, 7)];
        clock.advance(Duration::from_millis([0, 300, 7_000, 40_000, 400_000][pick(40, 5)]));
        let path = &names[pick(50, names.len() as u64)];
        let shown = ask(&app, path, class, cost).await;
        assert!(shown.r <= shown.q, "{path} {class}: {shown:?}");
        assert!(shown.legacy.1 <= shown.legacy.0, "{path} {class}: {shown:?}");
        assert_eq!((shown.w, shown.legacy), (60, (shown.q, shown.r)), "{path} {class}");
    }
}

/// A clock whose coarse time is that of the last tick, 4 ms ago.
#[derive(Debug, Clone)]
struct Ticking(ManualClock);

impl Clock for Ticking {
    fn now(&self) -> u64 {
        self.0.now()
    }

    fn coarse(&self) -> u64 {
        self.0.now() - 3_900
    }

    fn tick(&self) -> u64 {
        4_000
    }
}

#[tokio::test]
async fn f41_no_wait_in_the_headers_is_longer_than_the_window() {
    let clock = ManualClock::new();
    let memory = Memory::builder().clock(Ticking(clock.clone())).build();
    let registry = registry().backend("memory", memory).build().await.expect("a registry");
    let settings = || Settings::new().rate("1/min").headers(BOTH);
    let limits = [
        ("window", settings()),
        ("tokens", settings().strategy(TokenBucket::new())),
        ("debt", settings().strategy(TokenBucketWithDebt::new())),
        ("leaky", settings().strategy(LeakyBucket)),
        ("cells", settings().strategy(Gcra::new())),
        ("log", settings().strategy(SlidingWindowLog)),
        ("queue", settings().strategy(LeakyBucketQueue::new())),
    ];
    // 100 us after the start of a minute. The coarse time is still in the minute before.
    clock.advance(Duration::from_micros(100));
    for limit in limits {
        let name = limit.0;
        let layer = ThrottleLayer::new([limit]);
        let app = service(Router::new().route("/", route(async || ())).layer(layer), &registry);
        for _ in 0..4 {
            let Shown { w, t, retry_after, .. } = shown(&get(&app, "/").await);
            assert!(
                t <= w && retry_after.unwrap_or(0) <= w,
                "{name}: t={t} w={w} Retry-After: {retry_after:?}"
            );
        }
    }
}
