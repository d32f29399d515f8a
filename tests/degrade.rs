//! A denied request continues to its handler, which receives the denial: behaviour 32.

mod common;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get as route;
use common::{Broken, declared_at, events, get, header, number, registry_at, seconds, service, status, text};
use throttle::backend::Memory;
use throttle::{
    Decision, DecisionReason, Decisions, HeaderPolicy, Headers, ManualClock, Registry, Settings, registry,
    throttle, throttle_fn,
};
use tracing::Level;

fn said(decision: &Decision) -> String {
    match decision.retry_after() {
        Some(wait) => format!("less, for {wait:?}"),
        None if decision.is_throttled() => "less".to_owned(),
        None => format!("all, {:?}", decision.reason()),
    }
}

#[throttle(uid = "search", rate = "2/min", degrade)]
async fn search(decision: Decision) -> String {
    said(&decision)
}

async fn told(app: &Router, path: &str) -> String {
    text(get(app, path).await).await
}

fn at(path: &str, handler: axum::routing::MethodRouter, registry: &Registry) -> Router {
    service(Router::new().route(path, handler), registry)
}

#[tokio::test]
async fn b032_a_handler_is_told_and_does_less() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let app = at("/", route(search), &registry);
    assert_eq!([told(&app, "/").await, told(&app, "/").await], ["all, Backend", "all, Backend"]);
    clock.advance(seconds(18));
    for _ in 0..3 {
        assert_eq!(told(&app, "/").await, "less, for 42s", "a denial takes nothing");
    }
    clock.advance(seconds(42));
    assert_eq!(told(&app, "/").await, "all, Backend");
    let counts = registry.get("search").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied, counts.would_deny), (3, 3, 0), "counted as what they are");
}

#[throttle(uid = "global", rate = "1/week", degrade)]
async fn in_charge(decision: Decision) -> String {
    decision.is_throttled().to_string()
}

/// In the global registry, where a decision without a function or a wait is made immediately.
#[tokio::test]
async fn b032_the_registry_of_the_program_tells_too() {
    let app = Router::new().route("/", route(in_charge));
    assert_eq!([told(&app, "/").await, told(&app, "/").await], ["false", "true"]);
}

#[tokio::test]
async fn b032_the_fields_of_the_answer_tell_the_truth() {
    let clock = ManualClock::new();
    let settings = Settings::new().headers(Headers::LEGACY.when(HeaderPolicy::Denied));
    let registry = declared_at(&clock).throttle("search", settings).build().await.expect("a registry");
    let app = at("/", route(search), &registry);
    for expected in [None, None, Some(0)] {
        let answer = get(&app, "/").await;
        assert_eq!((answer.status().as_u16(), number(&answer, "x-ratelimit-remaining")), (200, expected));
    }
    let app = at("/", route(search), &registry_at(&clock).await);
    let fields = |answer: &Response| (header(answer, "ratelimit"), header(answer, "retry-after"));
    for left in [1, 0, 0] {
        let expected = (Some(format!("\"search\";r={left};t=60")), None);
        assert_eq!(fields(&get(&app, "/").await), expected, "who got something need not retry");
    }
}

#[throttle(uid = "soft:client", rate = "1/min", degrade)]
#[throttle(uid = "soft:all", rate = "2/hour", key = global, degrade)]
#[throttle(uid = "hard", rate = "4/min", key = global)]
async fn several(decisions: Decisions, strictest: Decision) -> String {
    let one = |uid| decisions.get(uid).map_or("nothing".to_owned(), said);
    assert_eq!(decisions.iter().map(|(uid, _)| uid).collect::<Vec<_>>(), ["soft:client", "soft:all"]);
    assert_eq!(decisions.is_throttled(), strictest.is_throttled());
    format!("{}; {}; {}; {}", one("soft:client"), one("soft:all"), one("hard"), said(&strictest))
}

#[tokio::test]
async fn b032_several_tell_each_for_itself_and_keep_nobody_from_being_counted() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let app = at("/", route(several), &registry);
    assert_eq!(told(&app, "/").await, "all, Backend; all, Backend; nothing; all, Backend");
    assert_eq!(told(&app, "/").await, "less, for 60s; all, Backend; nothing; less, for 60s");
    let both = "less, for 60s; less, for 3600s; nothing; less, for 3600s";
    assert_eq!([told(&app, "/").await, told(&app, "/").await], [both, both]);
    assert_eq!(status(&app, "/").await, 429, "the fourth was the last");
    let counts = ["soft:client", "soft:all", "hard"].map(|uid| {
        let counts = registry.get(uid).expect("used").counts();
        (counts.allowed, counts.denied, counts.given_back)
    });
    assert_eq!(counts, [(1, 4, 0), (2, 3, 0), (4, 1, 0)]);
    clock.advance(seconds(60));
    let fields = header(&get(&app, "/").await, "ratelimit");
    assert_eq!(fields.as_deref(), Some("\"soft:client\";r=0;t=60"), "the first of three lines");
}

#[throttle(uid = "given", rate = "5/min", degrade)]
#[throttle(uid = "strict", rate = "1/min")]
async fn given_back() {}

#[tokio::test]
async fn what_it_took_is_given_back_if_another_one_denies() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = at("/", route(given_back), &registry);
    assert_eq!([status(&app, "/").await, status(&app, "/").await, status(&app, "/").await], [200, 429, 429]);
    let counts = registry.get("given").expect("used").counts();
    assert_eq!((counts.allowed, counts.given_back), (1, 2));
}

async fn staff(headers: axum::http::HeaderMap) -> bool {
    headers.contains_key("x-staff")
}

#[throttle(uid = "exempt", rate = "1/min", exempt = staff, bypass = "/free", degrade)]
async fn exempted(decision: Decision) -> String {
    said(&decision)
}

#[tokio::test]
async fn b032_who_is_not_limited_is_told_so() {
    let registry = registry_at(&ManualClock::new()).await;
    let router = Router::new().route("/", route(exempted)).route("/free", route(exempted));
    let app = service(router, &registry);
    assert_eq!([told(&app, "/").await, told(&app, "/").await], ["all, Backend", "less, for 60s"]);
    let by_staff = axum::http::Request::get("/").header("x-staff", "yes").body(axum::body::Body::empty());
    let answer = common::send(&app, by_staff.expect("a request")).await;
    assert_eq!(text(answer).await, "all, Exempt");
    assert_eq!(told(&app, "/free").await, "all, Bypassed");
    registry.disable("exempt");
    assert_eq!(told(&app, "/").await, "all, Disabled");
}

#[throttle(uid = "plain", rate = "2/min")]
async fn plain(decision: Decision, decisions: Decisions) -> String {
    assert_eq!(decisions.strictest(), None, "none of them degrades");
    format!("{}, {:?} left", said(&decision), decision.remaining())
}

#[throttle(uid = "wide", rate = "9/min")]
#[throttle(uid = "narrow", rate = "3/hour, 7/day")]
#[throttle(uid = "not-for-staff", rate = "1/day", exempt = staff)]
async fn several_admit(headers: axum::http::HeaderMap, throttle: Decision) -> String {
    let limits: Vec<_> = throttle.quotas().iter().map(|quota| quota.rate().to_string()).collect();
    format!("{} {limits:?} {}", said(&throttle), headers.contains_key("x-staff"))
}

#[throttle(uid = "by-path", rate = "2/min", key = "{id}")]
async fn by_path(Path(id): Path<u32>, decision: Decision) -> String {
    format!("{id}: {}", said(&decision))
}

#[tokio::test]
async fn f44_a_handler_sees_the_decision_that_admitted_it() {
    let registry = registry_at(&ManualClock::new()).await;
    let router = Router::new()
        .route("/", route(plain))
        .route("/several", route(several_admit))
        .route("/path/{id}", route(by_path));
    let app = service(router, &registry);
    assert_eq!(told(&app, "/").await, "all, Backend, Some(1) left");
    assert_eq!(told(&app, "/").await, "all, Backend, Some(0) left");
    assert_eq!(status(&app, "/").await.as_u16(), 429);
    registry.disable("plain");
    assert_eq!(told(&app, "/").await, "all, Disabled, None left");

    let by_staff =
        axum::http::Request::get("/several").header("x-staff", "yes").body(axum::body::Body::empty());
    let answer = common::send(&app, by_staff.expect("a request")).await;
    assert_eq!(
        text(answer).await,
        "all, Backend [\"3/hour\", \"7/day\"] true",
        "the one with the least left"
    );
    assert_eq!(told(&app, "/several").await, "all, Backend [\"1/day\"] false");
    // The arguments are extracted before such a key exists.
    assert_eq!(told(&app, "/path/7").await, "7: all, Bypassed");
}

#[throttle(uid = "f44:global", rate = "2/min", key = global)]
async fn globally(decision: Decision) -> String {
    format!("{:?} left of {:?}", decision.remaining(), decision.tightest().map(throttle::Quota::rate))
}

#[tokio::test]
async fn f44_in_the_registry_of_the_program_too() {
    let app = Router::new().route("/", route(globally));
    assert_eq!(told(&app, "/").await, "Some(1) left of Some(Rate(2/min))");
}

#[tokio::test]
async fn b032_a_store_that_fails_degrades_too() {
    let registry = registry().backend("memory", Broken::default()).build().await.expect("a registry");
    let app = at("/", route(search), &registry);
    assert_eq!(told(&app, "/").await, "less, for 1s");
    assert_eq!(registry.get("search").expect("used").counts().throttled_on_error, 1);
}

#[tokio::test]
async fn a_dry_run_tells_nobody() {
    let clock = ManualClock::new();
    let declared = declared_at(&clock).throttle("search", Settings::new().dry_run(true));
    let app = at("/", route(search), &declared.build().await.expect("a registry"));
    for expected in ["all, Backend", "all, Backend", "all, DryRun"] {
        assert_eq!(told(&app, "/").await, expected);
    }
}

#[throttle(uid = "late", rate = "1/min", key = "{id}")]
async fn late(Path(id): Path<u64>, decision: Decision) -> String {
    format!("{id}: {}", said(&decision))
}

#[throttle_fn(uid = "job", rate = "1/min")]
async fn job() -> Result<(), throttle::ThrottleError> {
    Ok(())
}

/// Otherwise, a limit that no handler enforces would have no effect.
#[tokio::test]
async fn where_nobody_can_be_told_requests_are_denied() {
    let degrade = Settings::new().degrade(true);
    let declared =
        declared_at(&ManualClock::new()).throttle("late", degrade.clone()).throttle("job", degrade);
    let registry = declared.build().await.expect("a registry");
    let app = at("/{id}", route(late), &registry);
    assert_eq!(
        (told(&app, "/7").await.as_str(), status(&app, "/7").await.as_u16()),
        ("7: all, Bypassed", 429)
    );
    registry
        .scope(async {
            job().await.expect("the first");
            assert!(matches!(job().await, Err(throttle::ThrottleError::Throttled(_))));
        })
        .await;
}

#[throttle(uid = "here", rate = "1/min", degrade)]
#[throttle(uid = "there", rate = "2/min", backend = "there", degrade)]
async fn two_backends(decisions: Decisions) -> String {
    let told: Vec<_> =
        decisions.iter().map(|(uid, decision)| format!("{uid} {}", decision.is_allowed())).collect();
    told.join(", ")
}

#[tokio::test]
async fn each_backend_decides_what_is_its_own() {
    let clock = ManualClock::new();
    let there = Memory::builder().clock(clock.clone()).build();
    let registry = declared_at(&clock).backend("there", there).build().await.expect("a registry");
    let app = at("/", route(two_backends), &registry);
    for expected in ["here true, there true", "here false, there true", "here false, there false"] {
        assert_eq!(told(&app, "/").await, expected);
    }
}

#[tokio::test]
async fn each_is_an_event() {
    events::listen();
    let app = at("/", route(search), &registry_at(&ManualClock::new()).await);
    for _ in 0..3 {
        status(&app, "/").await;
    }
    let seen = events::seen(Level::DEBUG);
    let [event] = &seen.iter().filter(|event| event.contains("degraded")).collect::<Vec<_>>()[..] else {
        panic!("one event: {seen:?}")
    };
    assert!(event.contains("uid=\"search\"") && event.contains("60s"), "{event}");
}

#[tokio::test]
async fn a_program_decides_by_itself_as_ever() {
    let registry = registry_at(&ManualClock::new()).await;
    let settings = Settings::new().rate("1/min").degrade(true);
    let throttle = registry.create("program", settings).expect("a throttle");
    assert_eq!(throttle.hit("a").await.expect("a decision").reason(), DecisionReason::Backend);
    let denied = throttle.hit("a").await.expect("a decision");
    assert_eq!((denied.is_throttled(), denied.retry_after()), (true, Some(seconds(60))));
}

mod layers {
    use super::*;
    use throttle::ThrottleLayer;

    async fn handler(decisions: Decisions) -> String {
        let told: Vec<_> =
            decisions.iter().map(|(uid, decision)| format!("{uid}: {}", said(decision))).collect();
        told.join("; ")
    }

    #[tokio::test]
    async fn b032_a_layer_tells_what_is_inside() {
        let registry = registry_at(&ManualClock::new()).await;
        let limits = || ThrottleLayer::new([("layer", Settings::new().rate("1/min").degrade(true))]);
        let router = Router::new().route("/", route(handler)).route("/search", route(search));
        let app = service(router.layer(limits()), &registry);
        assert_eq!(
            [told(&app, "/").await, told(&app, "/").await],
            ["layer: all, Backend", "layer: less, for 60s"]
        );
        assert_eq!(
            told(&app, "/search").await,
            "less, for 60s",
            "the layer's is stricter than the attribute's"
        );
        let counts = registry.get("layer").expect("used").counts();
        assert_eq!((counts.allowed, counts.denied), (1, 2));
        let answer = get(&app, "/search").await;
        let fields: Vec<_> = answer.headers().get_all("ratelimit").iter().collect();
        assert_eq!((fields.len(), header(&answer, "retry-after")), (2, None));
    }

    #[tokio::test]
    async fn b032_a_rule_of_the_layer_leaves_nothing_to_tell() {
        let settings = Settings::new().rate("1/min").degrade(true);
        let limits =
            ThrottleLayer::new([("layer", settings)]).bypass("/".parse::<throttle::Rule>().expect("a path"));
        let router = Router::new().route("/", route(handler)).layer(limits);
        let app = service(router, &registry_at(&ManualClock::new()).await);
        assert_eq!([told(&app, "/").await, told(&app, "/").await], ["", ""]);
    }
}
