//! Throttles that are declared as statics, and shared by all of their callers.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get as route;
use throttle::strategy::Gcra;
use throttle::{
    ConfigError, DecisionReason, ErrorKind, Hit, Key, ManualClock, Rate, Settings, StaticThrottle, registry,
    sites, throttle,
};

use crate::common::{declared_at, get, header, registry_at, seconds, service, status};

/// Ten an hour for each account.
#[throttle(rate = "10/hour")]
pub static EXPORTS: StaticThrottle;

#[throttle(uid = "searches", rate = "3/s", strategy = Gcra::new().burst(2), cost = 2, on_error = "allow")]
static SEARCHES: StaticThrottle;

async fn plan() -> Rate {
    Rate::per_minute(1)
}

#[throttle(rate = plan, backend = "elsewhere")]
static ELSEWHERE: StaticThrottle;

#[tokio::test]
async fn a_static_is_asked_like_a_throttle() {
    registry_at(&ManualClock::new())
        .await
        .scope(async {
            let left = async |hit: Hit<'_>| EXPORTS.hit(hit).await.expect("a decision").remaining();
            assert_eq!(left(Hit::from("alice")).await, Some(9));
            assert_eq!(left(Hit::new("alice").cost(4)).await, Some(5));
            assert_eq!(left(Hit::from("bob")).await, Some(9));
            assert_eq!(EXPORTS.peek("alice").await.expect("a decision").remaining(), Some(4));
            assert_eq!(EXPORTS.quotas("alice").await.expect("a decision").remaining(), Some(5));
            let denied = EXPORTS.hit(Hit::new("alice").cost(6)).await.expect("a decision");
            assert_eq!(denied.retry_after(), Some(seconds(3_600)));
            let counts = EXPORTS.throttle().expect("a throttle").counts();
            assert_eq!((counts.allowed, counts.denied), (3, 1));
        })
        .await;
}

#[tokio::test]
async fn what_a_static_took_is_given_back_and_forgotten() {
    registry_at(&ManualClock::new())
        .await
        .scope(async {
            let left = async || EXPORTS.quotas("alice").await.expect("a decision").remaining();
            let reservation = EXPORTS.reserve(Hit::new("alice").cost(4)).await.expect("a decision");
            assert_eq!(left().await, Some(6));
            reservation.refund().await.expect("given back");
            assert_eq!(left().await, Some(10));
            let in_flight = EXPORTS.permit("alice").await.expect("there is no limit on what is in flight");
            assert_eq!(in_flight.decision().remaining(), Some(9));
            EXPORTS.reset("alice").await.expect("forgotten");
            assert_eq!(left().await, Some(10));
        })
        .await;
}

#[tokio::test]
async fn its_name_is_its_path_unless_it_is_said() {
    assert_eq!((EXPORTS.uid(), EXPORTS.site().name()), ("direct::statics::EXPORTS", "EXPORTS"));
    assert_eq!((SEARCHES.uid(), SEARCHES.site().name()), ("searches", "searches"));
    let said = SEARCHES.site().settings().describe();
    let said: Vec<_> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!([said[0], said[2], said[3]], [("rate", "3/s"), ("cost", "2"), ("on_error", "allow")]);
    assert_eq!((said[1].0, said.len()), ("strategy", 4));
}

#[tokio::test]
async fn each_registry_has_its_own() {
    let clock = ManualClock::new();
    let (one, other) = (registry_at(&clock).await, registry_at(&clock).await);
    let hit = || async { SEARCHES.hit("a").await.expect("a decision").is_allowed() };
    assert_eq!(
        (one.scope(hit()).await, one.scope(hit()).await, other.scope(hit()).await),
        (true, false, true)
    );
    assert_eq!(SEARCHES.throttle_in(&other).expect("a throttle").counts().allowed, 1);
    assert_eq!(one.get("searches").expect("linked").counts().denied, 1);
}

#[tokio::test]
async fn the_registry_lists_it_and_overrides_it() {
    let listed: Vec<_> = sites().into_iter().map(throttle::Site::uid).collect();
    for uid in ["direct::statics::EXPORTS", "searches", "direct::statics::ELSEWHERE", "shared"] {
        assert_eq!(listed.iter().filter(|known| **known == uid).count(), 1, "{uid} in {listed:?}");
    }
    let declared =
        declared_at(&ManualClock::new()).throttle("searches", Settings::new().rate(Rate::UNLIMITED));
    let registry = declared.backend("elsewhere", throttle::backend::Memory::new()).build().await;
    let source =
        registry.expect("a registry").scope(async { SEARCHES.hit("a").await.expect("a decision").reason() });
    assert_eq!(source.await, DecisionReason::Unlimited);
    let error = registry_at(&ManualClock::new()).await.create("searches", Settings::new().rate("1/s"));
    assert!(error.expect_err("it has that uid").to_string().contains("tests/direct/statics.rs"));
}

#[tokio::test]
async fn functions_are_asked_as_for_any_throttle() {
    let clock = ManualClock::new();
    let elsewhere = throttle::backend::Memory::builder().clock(clock.clone()).build();
    let registry = registry().backend("elsewhere", elsewhere).build().await.expect("a registry");
    registry
        .scope(async {
            assert!(ELSEWHERE.hit("a").await.expect("a decision").is_allowed());
            assert_eq!(ELSEWHERE.hit("a").await.expect("a decision").retry_after(), Some(seconds(60)));
        })
        .await;
}

#[tokio::test]
async fn what_the_registry_cannot_make_is_an_error() {
    let registry = registry_at(&ManualClock::new()).await;
    registry
        .scope(async {
            let error = ELSEWHERE.hit("a").await.expect_err("no such backend");
            assert_eq!((error.kind(), error.is_safe_to_retry()), (ErrorKind::Misconfigured, true));
            let source =
                error.source().expect("why").downcast_ref::<ConfigError>().expect("what install says");
            assert!(source.to_string().contains("tests/direct/statics.rs"), "{source}");
            assert_eq!(ELSEWHERE.throttle().expect_err("the same"), *source);
        })
        .await;
}

/// One limit for requests and for calls from code.
#[throttle(uid = "shared", rate = "4/min", key = global)]
static SHARED: StaticThrottle;

#[throttle(SHARED)]
async fn shared() {}

mod elsewhere {
    #[throttle::throttle(super::SHARED)]
    #[throttle::throttle(uid = "own", rate = "2/min")]
    pub(crate) async fn both() {}
}

#[tokio::test]
async fn one_budget_covers_handlers_and_calls() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let router = Router::new().route("/shared", route(shared)).route("/both", route(elsewhere::both));
    let app = service(router, &registry);
    let answer = get(&app, "/shared").await;
    assert_eq!(header(&answer, "ratelimit-policy").as_deref(), Some("\"shared\";q=4;w=60"));
    assert_eq!(header(&answer, "ratelimit").as_deref(), Some("\"shared\";r=3;t=60"));
    assert_eq!([status(&app, "/both").await, status(&app, "/both").await], [200, 200]);
    let call = || registry.scope(async { SHARED.hit(Key::global()).await.expect("a decision").is_allowed() });
    assert_eq!((call().await, call().await), (true, false));
    assert_eq!(status(&app, "/shared").await, 429);
    assert_eq!(registry.throttles().len(), 2, "no copies");
    clock.advance(Duration::from_secs(60));
    assert_eq!(status(&app, "/shared").await, 200);
}

#[throttle(EXPORTS)]
async fn export() {}

#[tokio::test]
async fn a_budget_is_shared_without_a_name_too() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(export)), &registry);
    assert_eq!(header(&get(&app, "/").await, "ratelimit").as_deref(), Some("\"EXPORTS\";r=9;t=3600"));
    let client = std::net::IpAddr::from([192, 0, 2, 1]);
    let left = registry.scope(async { EXPORTS.hit(client).await.expect("a decision").remaining() });
    assert_eq!(left.await, Some(8), "the key of a request is the address of its client");
}

/// The decision is made before any extractor of the handler runs, as for every attribute.
#[tokio::test]
async fn b116_what_is_shared_is_decided_before_the_arguments() {
    #[throttle(SHARED)]
    async fn reads(body: axum::body::Bytes) -> String {
        format!("{} bytes", body.len())
    }
    let app = service(
        Router::new().route("/", axum::routing::post(reads)),
        &registry_at(&ManualClock::new()).await,
    );
    let unread = || {
        let read = axum::body::Body::from_stream(futures_util::stream::once(async {
            panic!("nobody reads the body of a denied request");
            #[allow(unreachable_code)]
            Ok::<&[u8], std::io::Error>(b"")
        }));
        axum::http::Request::post("/").body(read).expect("a request")
    };
    for _ in 0..4 {
        let request = axum::http::Request::post("/").body(axum::body::Body::from("1234")).expect("a request");
        assert_eq!(crate::common::send(&app, request).await.status(), 200);
    }
    assert_eq!(crate::common::send(&app, unread()).await.status(), 429);
}

#[tokio::test]
async fn one_budget_covers_a_layer_too() {
    use throttle::ThrottleLayer;
    let registry = registry_at(&ManualClock::new()).await;
    let limits = ThrottleLayer::new([&SHARED]).check().expect("nothing is wrong with it");
    let app = service(Router::new().route("/", route(async || ())).layer(limits), &registry);
    assert_eq!(status(&app, "/").await, 200);
    let left = registry.scope(async { SHARED.quotas(Key::global()).await.expect("a decision").remaining() });
    assert_eq!(left.await, Some(3));
}

macro_rules! limits {
    ($($name:ident = $rate:literal;)*) => { $(
        #[throttle(rate = $rate)]
        static $name: StaticThrottle;
    )* };
}

limits! {
    ONE = "1/min";
    TWO = "2/min";
}

#[tokio::test]
async fn statics_of_one_macro_have_limits_of_their_own() {
    registry_at(&ManualClock::new())
        .await
        .scope(async {
            let left = async |it: &StaticThrottle| it.hit("a").await.expect("a decision").remaining();
            assert_eq!((left(&ONE).await, left(&TWO).await), (Some(0), Some(1)));
        })
        .await;
}

/// One limit for endpoints of different cost.
#[throttle(uid = "weighed", rate = "20/min", key = global, cost = 2)]
static WEIGHED: StaticThrottle;

#[throttle(WEIGHED)]
async fn light() {}

#[throttle(WEIGHED, cost = 10)]
async fn heavy() {}

async fn by_header(headers: axum::http::HeaderMap) -> u64 {
    headers.len() as u64
}

#[throttle(WEIGHED, cost = by_header)]
#[throttle(uid = "beside", rate = "100/min")]
async fn weighed_by_a_function() {}

async fn by_state(axum::extract::State(cost): axum::extract::State<u64>) -> u64 {
    cost
}

#[throttle(WEIGHED, cost = by_state, state = u64)]
async fn weighed_by_the_state() {}

#[tokio::test]
async fn f28_each_use_of_a_static_may_have_a_cost_of_its_own() {
    let registry = registry_at(&ManualClock::new()).await;
    let router = Router::new()
        .route("/light", route(light))
        .route("/heavy", route(heavy))
        .route("/function", route(weighed_by_a_function))
        .route("/state", route(weighed_by_the_state))
        .with_state(4);
    let app = service(router, &registry);
    let left = async |path: &str| header(&get(&app, path).await, "ratelimit");
    let weighed = |left: u64| Some(format!("\"weighed\";r={left};t=60"));
    assert_eq!(left("/light").await, weighed(18));
    assert_eq!(left("/heavy").await, weighed(8));
    assert_eq!(left("/state").await, weighed(4));
    let request = axum::http::Request::get("/function").header("x-a", "1").header("x-b", "2");
    let answer = crate::common::send(&app, request.body(axum::body::Body::empty()).expect("a request")).await;
    let fields = header(&answer, "ratelimit").expect("both throttles");
    assert!(fields.starts_with("\"weighed\";r=2;"), "{fields}");
    assert_eq!(status(&app, "/heavy").await, 429, "it costs 10");
    assert_eq!(status(&app, "/light").await, 200, "it costs 2");
    assert_eq!(status(&app, "/light").await, 429);
    assert_eq!(registry.throttles().iter().filter(|it| it.uid() == "weighed").count(), 1, "one budget");
}

/// Counts how often the account of a request was looked up.
#[derive(Clone, Default)]
struct Accounts(std::sync::Arc<std::sync::atomic::AtomicU64>);

async fn account(
    accounts: axum::Extension<Accounts>,
    headers: axum::http::HeaderMap,
) -> Result<throttle::Caller, axum::http::StatusCode> {
    accounts.0.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    match headers.get("x-account").and_then(|account| account.to_str().ok()) {
        Some("internal") => Ok(throttle::Caller::exempt()),
        Some("paid") => Ok(throttle::Caller::new("paid").rate(Rate::per_minute(6))),
        Some(name) => Ok(throttle::Caller::new(name)),
        None => Err(axum::http::StatusCode::UNAUTHORIZED),
    }
}

/// Two a minute, unless an account has a rate of its own.
#[throttle(uid = "accounts", rate = "2/min", caller = account)]
static ACCOUNTS: StaticThrottle;

#[throttle(ACCOUNTS)]
#[throttle(uid = "accounts:also", rate = "9/min", caller = account)]
async fn by_account() {}

#[tokio::test]
async fn f28_one_function_resolves_the_caller_once_per_request() {
    let registry = registry_at(&ManualClock::new()).await;
    let accounts = Accounts::default();
    let layer = throttle::ThrottleLayer::new([("router", Settings::new().rate("100/min").caller(account))]);
    let router =
        Router::new().route("/", route(by_account)).layer(layer).layer(axum::Extension(accounts.clone()));
    let app = service(router, &registry);
    let send = async |name: Option<&str>| {
        let request = axum::http::Request::get("/");
        let request = name.into_iter().fold(request, |request, name| request.header("x-account", name));
        crate::common::send(&app, request.body(axum::body::Body::empty()).expect("a request"))
            .await
            .status()
            .as_u16()
    };
    assert_eq!(send(Some("ann")).await, 200);
    assert_eq!(
        accounts.0.load(std::sync::atomic::Ordering::Relaxed),
        1,
        "a layer, a static and an attribute"
    );
    assert_eq!([send(Some("ann")).await, send(Some("ann")).await], [200, 429], "the rate of the static");
    assert_eq!(send(Some("bob")).await, 200, "the key is that of the caller");
    let mut paid = Vec::new();
    for _ in 0..7 {
        paid.push(send(Some("paid")).await);
    }
    assert_eq!(paid, [200, 200, 200, 200, 200, 200, 429], "a rate of its own");
    for _ in 0..20 {
        assert_eq!(send(Some("internal")).await, 200);
    }
    assert_eq!(send(None).await, 401, "an error of the function is the answer");
    assert_eq!(accounts.0.load(std::sync::atomic::Ordering::Relaxed), 32, "once per request");
}
