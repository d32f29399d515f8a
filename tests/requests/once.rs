//! One throttle that a request reaches several times: f16.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get as read;
use axum::{Extension, Router};
use throttle::tower::Limiter;
use throttle::{
    Decision, DecisionReason, Headers, ManualClock, Registry, Settings, StaticThrottle, ThrottleLayer,
    outcome, throttle,
};
use tower::ServiceExt;

use crate::common::{declared_at, get, header, number, registry_at, seconds, service, status};

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

#[throttle(rate = "4/min", uid = "api")]
static API: StaticThrottle;

/// The same limit, decided on the general path.
#[throttle(rate = "4/min", uid = "general", exempt = nobody)]
static GENERAL: StaticThrottle;

async fn nobody() -> bool {
    false
}

#[throttle(API)]
async fn limited() {}

#[throttle(API)]
async fn middle(request: Request, next: Next) -> Response {
    next.run(request).await
}

#[throttle(GENERAL)]
async fn limited_generally() {}

#[throttle(GENERAL)]
async fn middle_generally(request: Request, next: Next) -> Response {
    next.run(request).await
}

fn limits(limiter: impl Into<Limiter>) -> ThrottleLayer {
    ThrottleLayer::new([limiter.into()])
}

/// A layer's own declaration with the same settings as the static.
fn same() -> Limiter {
    ("api", Settings::new().rate("4/min")).into()
}

fn open() -> Router {
    Router::new().route("/", read(async || ()))
}

fn closed() -> Router {
    Router::new().route("/", read(limited))
}

/// Returns how many requests pass, and the `RateLimit` headers of the first one.
async fn passes(app: Router) -> (usize, Vec<String>) {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(app, &registry);
    let first = get(&app, "/").await;
    let members = first.headers().get_all("ratelimit").iter();
    let members = members.map(|member| member.to_str().expect("text").to_owned()).collect();
    let mut passed = usize::from(first.status() == OK);
    for _ in 0..9 {
        passed += usize::from(status(&app, "/").await == OK);
    }
    let throttles = registry.throttles();
    let counts = throttles[0].counts();
    assert_eq!((counts.allowed, counts.denied), (passed as u64, 10 - passed as u64));
    (passed, members)
}

#[tokio::test]
async fn f16_each_pair_of_edges_charges_a_request_once() {
    let through = middleware::from_fn(middle);
    for (name, app) in [
        ("layer and handler", closed().layer(limits(&API))),
        ("layer and layer", open().layer(limits(&API)).layer(limits(&API))),
        ("a layer and its clone", {
            let one = limits(&API);
            open().layer(one.clone()).layer(one)
        }),
        ("twice in one layer", open().layer(ThrottleLayer::new([Limiter::from(&API), (&API).into()]))),
        ("middleware and handler", closed().layer(through.clone())),
        ("middleware and layer", open().layer(limits(&API)).layer(through.clone())),
        ("layer and middleware", open().layer(through.clone()).layer(limits(&API))),
        ("middleware twice", open().layer(through.clone()).layer(through.clone())),
        (
            "all of them",
            closed().layer(limits(&API)).layer(through.clone()).layer(limits(&API)).layer(through),
        ),
        (
            "two layers that say the same",
            open().layer(ThrottleLayer::new([same()])).layer(ThrottleLayer::new([same()])),
        ),
        (
            "a layer of a method",
            Router::new().route("/", read(limited).layer(limits(&API))).layer(limits(&API)),
        ),
        ("a nested router", Router::new().fallback_service(closed().layer(limits(&API))).layer(limits(&API))),
    ] {
        assert_eq!(passes(app).await, (4, vec!["\"api\";r=3;t=60".to_owned()]), "{name}");
    }
}

#[tokio::test]
async fn f16_so_do_those_that_decide_by_the_general_way() {
    let through = middleware::from_fn(middle_generally);
    let closed = || Router::new().route("/", read(limited_generally));
    for (name, app) in [
        ("layer and handler", closed().layer(limits(&GENERAL))),
        ("layer and layer", open().layer(limits(&GENERAL)).layer(limits(&GENERAL))),
        ("middleware and handler", closed().layer(through.clone())),
        ("layer and middleware", open().layer(through.clone()).layer(limits(&GENERAL))),
        ("all of them", closed().layer(limits(&GENERAL)).layer(through).layer(limits(&GENERAL))),
    ] {
        assert_eq!(passes(app).await, (4, vec!["\"general\";r=3;t=60".to_owned()]), "{name}");
    }
}

/// Returns a layer and a handler with one throttle that has these settings.
async fn overridden(settings: Settings) -> (Router, Registry, ManualClock) {
    let clock = ManualClock::new();
    let registry = declared_at(&clock).throttle("api", settings).build().await.expect("a registry");
    (service(closed().layer(limits(&API)), &registry), registry, clock)
}

#[tokio::test]
async fn f16_a_throttle_may_be_told_to_charge_each_time() {
    let (app, registry, _) = overridden(Settings::new().once_per_request(false)).await;
    let first = get(&app, "/").await;
    assert_eq!(registry.get("api").expect("used").counts().allowed, 2);
    // The headers still contain the members of one throttle once.
    let members: Vec<_> = first.headers().get_all("ratelimit").iter().collect();
    assert_eq!(members, ["\"api\";r=2;t=60"]);
    assert_eq!(first.headers().get_all("ratelimit-policy").iter().count(), 1);
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [OK, DENIED]);
}

#[throttle(uid = "each", rate = "4/min", once_per_request = false)]
async fn each() {}

#[tokio::test]
async fn f16_the_attribute_has_the_setting_too() {
    let registry = registry_at(&ManualClock::new()).await;
    // One request to the handler creates the throttle.
    let app = service(Router::new().route("/", read(each)), &registry);
    assert_eq!(status(&app, "/").await, OK);
    let app = service(Router::new().route("/", read(each)).layer(limits("each")), &registry);
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [OK, DENIED]);
}

#[tokio::test]
async fn f16_without_headers_and_with_legacy_ones_it_is_charged_once_too() {
    let (app, registry, _) = overridden(Settings::new().headers(Headers::OFF)).await;
    let answer = get(&app, "/").await;
    assert_eq!(header(&answer, "ratelimit"), None);
    assert_eq!(registry.get("api").expect("used").counts().allowed, 1);

    let (app, ..) = overridden(Settings::new().headers(Headers::LEGACY)).await;
    assert_eq!(number(&get(&app, "/").await, "x-ratelimit-remaining"), Some(3));
}

#[tokio::test]
async fn f16_a_denial_of_the_outer_one_is_counted_once() {
    let (app, registry, clock) = overridden(Settings::new().rate("1/min")).await;
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [OK, DENIED]);
    let denied = get(&app, "/").await;
    assert_eq!(number(&denied, "retry-after"), Some(60));
    assert_eq!(denied.headers().get_all("ratelimit").iter().count(), 1);
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied), (1, 2));
    clock.advance(seconds(60));
    assert_eq!(status(&app, "/").await, OK);
}

#[tokio::test]
async fn f16_a_dry_run_counts_a_request_once() {
    let (app, registry, _) = overridden(Settings::new().rate("2/min").dry_run(true)).await;
    for _ in 0..5 {
        assert_eq!(status(&app, "/").await, OK);
    }
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.would_deny), (2, 3));
}

#[tokio::test]
async fn f16_a_request_takes_one_slot() {
    let (app, registry, _) = overridden(Settings::new().max_concurrent(1)).await;
    for _ in 0..3 {
        assert_eq!(status(&app, "/").await, OK);
    }
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied), (3, 0));
}

#[tokio::test]
async fn f16_a_request_is_refunded_once() {
    let (app, registry, _) = overridden(Settings::new().rate("2/min").charge_when(outcome::failed)).await;
    for _ in 0..5 {
        let answer = get(&app, "/").await;
        assert_eq!(
            (answer.status(), header(&answer, "ratelimit").as_deref()),
            (OK, Some("\"api\";r=2;t=60"))
        );
    }
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.refunded), (5, 5));
}

#[tokio::test]
async fn f16_a_throttle_that_degrades_denies_once_and_the_handler_is_told() {
    #[throttle(API)]
    async fn told(decision: Decision) -> StatusCode {
        if decision.is_throttled() { StatusCode::ACCEPTED } else { OK }
    }
    let settings = Settings::new().rate("1/min").degrade(true);
    let registry =
        declared_at(&ManualClock::new()).throttle("api", settings).build().await.expect("a registry");
    let app = service(Router::new().route("/", read(told)).layer(limits(&API)), &registry);
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [OK, StatusCode::ACCEPTED]);
    let counts = registry.get("api").expect("used").counts();
    assert_eq!((counts.allowed, counts.denied), (1, 1));
}

#[throttle(API)]
async fn tells(decision: Decision) -> String {
    format!("{:?} {:?}", decision.reason(), decision.remaining())
}

#[tokio::test]
async fn f16_a_handler_takes_the_decision_that_a_layer_has_made() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", read(tells)).layer(limits(&API)), &registry);
    let answer = crate::common::text(get(&app, "/").await).await;
    assert_eq!(answer, format!("{:?} {:?}", DecisionReason::Backend, Some(3_u64)));
}

#[throttle(API, cost = 3)]
async fn costly() {}

#[tokio::test]
async fn f16_a_request_costs_as_much_as_its_most_expensive_use() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", read(costly)).layer(limits(&API)), &registry);
    let first = get(&app, "/").await;
    assert_eq!(first.status(), OK);
    let members: Vec<_> = first.headers().get_all("ratelimit").iter().collect();
    assert_eq!(members, ["\"api\";r=1;t=60"]);
    // The layer admits the last unit, and the handler needs two more.
    assert_eq!([status(&app, "/").await, status(&app, "/").await], [DENIED, DENIED]);

    let two_slots = Settings::new().max_concurrent(1);
    let registry =
        declared_at(&ManualClock::new()).throttle("api", two_slots).build().await.expect("a registry");
    let app = service(Router::new().route("/", read(costly)).layer(limits(&API)), &registry);
    assert_eq!(status(&app, "/").await, OK, "the slot is that of the layer");
}

/// Returns the account that authentication found, or otherwise the address.
async fn account(account: Option<Extension<&'static str>>) -> String {
    account.map_or_else(|| "192.0.2.1".to_owned(), |account| account.0.to_owned())
}

#[throttle(uid = "accounts", rate = "4/min", key = account)]
static ACCOUNTS: StaticThrottle;

#[throttle(ACCOUNTS)]
async fn mine() {}

#[tokio::test]
async fn f16_another_key_is_charged_and_the_header_has_the_stricter_of_both() {
    let registry = registry_at(&ManualClock::new()).await;
    let inner = Router::new().route("/", read(mine));
    let app = inner.layer(Extension("ann")).layer(limits(&ACCOUNTS));
    let app = service(app, &registry);
    let accounts = ACCOUNTS.throttle_in(&registry).expect("a throttle");
    let _ = accounts.hit("192.0.2.1").await.expect("a decision");
    let first = get(&app, "/").await;
    let members: Vec<_> = first.headers().get_all("ratelimit").iter().collect();
    assert_eq!(members, ["\"accounts\";r=2;t=60"]);
    assert_eq!(first.headers().get_all("ratelimit-policy").iter().count(), 1);
    assert_eq!(accounts.quotas("ann").await.expect("a decision").remaining(), Some(3));
    for _ in 0..3 {
        let _ = accounts.hit("ann").await.expect("a decision");
    }
    let second = get(&app, "/").await;
    assert_eq!(second.status(), DENIED);
    let members: Vec<_> = second.headers().get_all("ratelimit").iter().collect();
    assert_eq!(members, ["\"accounts\";r=0;t=60"]);
}

#[throttle(API)]
#[throttle(uid = "by-name", rate = "4/min", key = "{name}")]
async fn by_name(Path(name): Path<String>, request: Request, next: Next) -> Response {
    drop(name);
    next.run(request).await
}

#[tokio::test]
async fn f16_middleware_with_a_key_of_its_arguments_marks_its_request_too() {
    let registry = registry_at(&ManualClock::new()).await;
    let inner = Router::new().route("/{name}", read(limited));
    let twice = inner.route_layer(middleware::from_fn(by_name)).route_layer(middleware::from_fn(by_name));
    let app = service(twice, &registry);
    for _ in 0..2 {
        assert_eq!(status(&app, "/ann").await, OK);
    }
    for uid in ["api", "by-name"] {
        assert_eq!(registry.get(uid).expect("used").counts().allowed, 2, "{uid}");
    }
}

#[throttle(API)]
async fn forwards(request: Request) -> Response {
    closed().oneshot(request).await.expect("an answer")
}

#[tokio::test]
async fn f16_a_handler_that_calls_another_router_is_charged_once() {
    assert_eq!(passes(Router::new().route("/", read(forwards))).await.0, 4);
}

#[tokio::test]
async fn f16_requests_are_told_apart_and_calls_from_code_are_uses_of_their_own() {
    async fn calls(headers: HeaderMap) -> StatusCode {
        let _ = headers;
        let peer = throttle::Key::from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        API.hit(&peer).await.map_or(StatusCode::BAD_GATEWAY, |decision| {
            if decision.is_allowed() { OK } else { StatusCode::ACCEPTED }
        })
    }
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", read(calls)).layer(limits(&API)), &registry);
    let scoped = async || registry.scope(get(&app, "/")).await.status();
    assert_eq!([scoped().await, scoped().await, scoped().await], [OK, OK, DENIED]);
}

/// In the global registry, which decides about handlers without waiting.
fn globally(app: Router, client: u8) -> Router {
    app.layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, client], 4711))))
}

#[throttle(uid = "global-handler", rate = "4/day")]
async fn handler() {}

#[tokio::test]
async fn f16_a_handler_that_is_decided_at_once_charges_nothing_behind_a_layer_and_alone_it_does() {
    let router = || Router::new().route("/", read(handler));
    let alone = globally(router(), 1);
    assert_eq!(status(&alone, "/").await, OK);
    let behind = globally(router().layer(limits("global-handler")), 1);
    assert_eq!([status(&behind, "/").await, status(&behind, "/").await, status(&alone, "/").await], [OK; 3]);
    assert_eq!([status(&behind, "/").await, status(&alone, "/").await], [DENIED; 2]);
}

#[throttle(uid = "global-middleware", rate = "4/day")]
async fn global_middle(request: Request, next: Next) -> Response {
    next.run(request).await
}

#[tokio::test]
async fn f16_middleware_that_is_decided_at_once_charges_a_request_once() {
    let through = middleware::from_fn(global_middle);
    let twice = globally(open().layer(through.clone()).layer(through), 2);
    for _ in 0..4 {
        let answer = get(&twice, "/").await;
        assert_eq!(answer.status(), OK);
        assert_eq!(answer.headers().get_all("ratelimit").iter().count(), 1);
    }
    assert_eq!(status(&twice, "/").await, DENIED);
}
