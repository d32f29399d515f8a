//! Who is counted together: behaviours 20 and 96 to 101, defects 2, 7 and 11.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::get as route;
use axum::{Extension, Router};
use common::{Counted, declared_at, events, get, get_from, registry_at, send, service, status};
use std::net::SocketAddr;
use std::sync::Arc;
use throttle::{Identity, Key, ManualClock, ProxyHeader, Registry, key, registry, throttle};
use tracing::Level;

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

#[throttle(rate = "1/min")]
async fn by_ip() {}

#[throttle(rate = "1/min", key = global)]
async fn by_all() {}

#[throttle(rate = "1/min", key = header("x-api-key"))]
async fn by_header() {}

#[throttle(rate = "1/min", key = cookie("session"))]
async fn by_cookie() {}

/// From a peer, with header fields.
fn request(peer: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let peer: SocketAddr = SocketAddr::new(peer.parse().expect("an address"), 4711);
    let mut request = Request::get("/").extension(ConnectInfo(peer));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

/// The statuses of these requests, one after the other, on a fresh registry.
async fn statuses<const N: usize>(app: &Router, requests: [Request<Body>; N]) -> [StatusCode; N] {
    let mut statuses = [StatusCode::CONTINUE; N];
    for (status, request) in statuses.iter_mut().zip(requests) {
        *status = send(app, request).await.status();
    }
    statuses
}

async fn behind(proxies: &[&str], headers: &[ProxyHeader]) -> Router {
    let declared = declared_at(&ManualClock::new()).trusted_proxies(proxies.iter().copied());
    let declared =
        if headers.is_empty() { declared } else { declared.proxy_headers(headers.iter().copied()) };
    let registry = declared.build().await.expect("a registry");
    Router::new().route("/", route(by_ip)).layer(Extension(registry))
}

#[tokio::test]
async fn b096_without_a_peer_there_is_one_bucket_and_one_warning() {
    events::listen();
    let registry = registry_at(&ManualClock::new()).await;
    let app = Router::new().route("/", route(by_ip)).layer(Extension(registry));
    assert_eq!(status(&app, "/").await, OK);
    assert_eq!(status(&app, "/").await, DENIED);
    let [warning] = &events::seen(Level::WARN)[..] else { panic!("one warning") };
    assert!(warning.contains("into_make_service_with_connect_info"), "{warning}");
}

#[tokio::test]
async fn each_peer_has_its_own_bucket() {
    let app = behind(&[], &[]).await;
    let from = |peer| get_from([192, 0, 2, peer], "/");
    assert_eq!(statuses(&app, [from(1), from(2), from(1), from(2)]).await, [OK, OK, DENIED, DENIED]);
}

#[tokio::test]
async fn b097_an_untrusted_peer_cannot_choose_its_bucket() {
    let app = behind(&["10.0.0.0/8"], &[ProxyHeader::XForwardedFor, ProxyHeader::Forwarded]).await;
    let forged = [
        request("192.0.2.1", &[]),
        request("192.0.2.1", &[("x-forwarded-for", "1.2.3.4")]),
        request("192.0.2.1", &[("forwarded", "for=1.2.3.5")]),
        request("192.0.2.1", &[("x-real-ip", "1.2.3.6")]),
    ];
    assert_eq!(statuses(&app, forged).await, [OK, DENIED, DENIED, DENIED]);
}

#[tokio::test]
async fn b098_d02_the_rightmost_untrusted_address_counts() {
    let app = behind(&["10.0.0.0/8"], &[]).await;
    let via = |chain| request("10.0.0.1", &[("x-forwarded-for", chain)]);
    let chains = [
        via("6.6.6.6, 1.1.1.1, 10.0.0.2"),
        via("7.7.7.7, 1.1.1.1, 10.0.0.2"),
        via("1.1.1.2"),
        via("10.0.0.9"),
        via("garbage"),
    ];
    assert_eq!(
        statuses(&app, chains).await,
        [OK, DENIED, OK, OK, DENIED],
        "all trusted or garbage: the peer"
    );
}

#[tokio::test]
async fn b099_d07_d11_mapped_addresses_and_forwarded_follow_one_rule() {
    let app = behind(&["10.0.0.0/8"], &[ProxyHeader::XForwardedFor, ProxyHeader::Forwarded]).await;
    let requests = [
        request("::ffff:10.0.0.1", &[("x-forwarded-for", "1.1.1.1")]),
        request("10.0.0.1", &[("forwarded", "for=6.6.6.6, for=1.1.1.1, for=10.0.0.2")]),
        request("10.0.0.1", &[("forwarded", "for=\"[2001:db8::1]:80\"")]),
        request("10.0.0.1", &[("forwarded", "for=\"[2001:db8::ffff]\"")]),
        request("10.0.0.1", &[("forwarded", "for=\"[2001:db8:0:1::1]\"")]),
        request("192.0.2.7", &[]),
        request("::ffff:192.0.2.7", &[]),
    ];
    assert_eq!(statuses(&app, requests).await, [OK, DENIED, OK, DENIED, OK, OK, DENIED]);
}

#[tokio::test]
async fn each_proxy_header_is_opted_into() {
    for (header, name) in [
        (ProxyHeader::XRealIp, "x-real-ip"),
        (ProxyHeader::CfConnectingIp, "cf-connecting-ip"),
        (ProxyHeader::TrueClientIp, "true-client-ip"),
    ] {
        let via = |client| request("10.0.0.1", &[(name, client)]);
        let off = behind(&["10.0.0.1"], &[]).await;
        assert_eq!(statuses(&off, [via("1.1.1.1"), via("2.2.2.2")]).await, [OK, DENIED], "{name}");
        let on = behind(&["10.0.0.1"], &[header]).await;
        assert_eq!(statuses(&on, [via("1.1.1.1"), via("2.2.2.2"), via("1.1.1.1")]).await, [OK, OK, DENIED]);
    }
}

#[tokio::test]
async fn a_header_or_cookie_is_the_key_or_else_the_address() {
    let registry = registry_at(&ManualClock::new()).await;
    let header = Router::new().route("/", route(by_header)).layer(Extension(registry.clone()));
    let with = |peer, key| request(peer, &[("x-api-key", key)]);
    let requests = [
        with("192.0.2.1", "a"),
        with("192.0.2.2", "a"),
        with("192.0.2.1", "b"),
        request("192.0.2.1", &[]),
        request("192.0.2.1", &[]),
        request("192.0.2.2", &[]),
    ];
    assert_eq!(statuses(&header, requests).await, [OK, DENIED, OK, OK, DENIED, OK]);
    let cookie = Router::new().route("/", route(by_cookie)).layer(Extension(registry));
    let with = |text| request("192.0.2.1", &[("cookie", text)]);
    assert_eq!(
        statuses(&cookie, [with("session=a; x=1"), with("x=2; session=a"), with("session=b")]).await,
        [OK, DENIED, OK]
    );
}

#[tokio::test]
async fn global_is_one_bucket_for_all() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = Router::new().route("/", route(by_all)).layer(Extension(registry));
    assert_eq!(statuses(&app, [request("192.0.2.1", &[]), request("192.0.2.2", &[])]).await, [OK, DENIED]);
}

async fn method_and_path(method: Method, uri: axum::http::Uri) -> (String, String) {
    (method.to_string(), uri.path().to_owned())
}

#[throttle(rate = "1/min", key = method_and_path)]
async fn by_method_and_path() {}

#[tokio::test]
async fn b020_method_and_path_are_a_key_if_one_says_so() {
    let registry = registry_at(&ManualClock::new()).await;
    let router = || route(by_method_and_path).post(by_method_and_path);
    let app = service(Router::new().route("/a", router()).route("/b", router()), &registry);
    let call = |method, path: &str| {
        Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")
    };
    let requests = || [call(Method::GET, "/a"), call(Method::POST, "/a"), call(Method::GET, "/b")];
    assert_eq!(statuses(&app, requests()).await, [OK; 3]);
    assert_eq!(statuses(&app, requests()).await, [DENIED; 3]);
    let one = Router::new().route("/a", route(by_all).post(by_all));
    let one = service(one, &registry_at(&ManualClock::new()).await);
    assert_eq!(statuses(&one, [call(Method::GET, "/a"), call(Method::POST, "/a")]).await, [OK, DENIED]);
}

async fn staff_is_exempt(headers: HeaderMap) -> Identity {
    if headers.contains_key("x-staff") { Identity::Exempt } else { Identity::from("everybody") }
}

#[throttle(uid = "exempting", rate = "1/min", key = staff_is_exempt)]
async fn exempting() {}

async fn is_internal(headers: HeaderMap) -> bool {
    headers.contains_key("x-internal")
}

#[throttle(uid = "exempt", rate = "1/min", exempt = is_internal)]
async fn exempted() {}

#[tokio::test]
async fn b100_the_exempt_call_no_backend() {
    let backend = Counted::default();
    let registry = registry().backend("memory", backend.clone()).build().await.expect("a registry");
    let router = Router::new().route("/", route(exempting)).route("/exempt", route(exempted));
    let app = service(router, &registry);
    for _ in 0..5 {
        assert_eq!(send(&app, request("192.0.2.1", &[("x-staff", "1")])).await.status(), OK);
        let internal =
            Request::get("/exempt").header("x-internal", "1").body(Body::empty()).expect("a request");
        assert_eq!(send(&app, internal).await.status(), OK);
    }
    assert_eq!(backend.decided.load(Ordering::SeqCst), 0);
    assert_eq!(registry.get("exempting").expect("used").counts().skipped, 5);
    assert_eq!(status(&app, "/").await, OK);
    assert_eq!(status(&app, "/").await, DENIED);
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

async fn counted() -> &'static str {
    ASKED.fetch_add(1, Ordering::SeqCst);
    "everybody"
}

async fn other() -> &'static str {
    "everybody"
}

#[throttle(uid = "c1", rate = "5/s", key = counted)]
#[throttle(uid = "c2", rate = "50/min", key = counted)]
#[throttle(uid = "c3", rate = "500/h", key = other)]
async fn thrice() {}

#[tokio::test]
async fn b101_a_key_function_runs_once_per_request() {
    let app = service(Router::new().route("/", route(thrice)), &registry_at(&ManualClock::new()).await);
    for requests in 1..=3 {
        get(&app, "/").await;
        assert_eq!(ASKED.load(Ordering::SeqCst), requests);
    }
}

#[derive(Clone)]
struct Tenants(Arc<str>);

async fn tenant(
    State(tenants): State<Tenants>,
    headers: HeaderMap,
) -> Result<(String, String), (StatusCode, &'static str)> {
    let tenant = headers.get("x-tenant").and_then(|tenant| tenant.to_str().ok());
    let tenant = tenant.ok_or((StatusCode::UNAUTHORIZED, "who are you?"))?;
    Ok((tenants.0.to_string(), tenant.to_owned()))
}

#[throttle(rate = "1/min", key = tenant)]
async fn by_tenant(State(_): State<Tenants>) {}

#[tokio::test]
async fn a_key_function_sees_the_state_and_may_refuse() {
    let state = Tenants("eu".into());
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(by_tenant)).with_state(state), &registry);
    let of = |tenant| request("192.0.2.1", &[("x-tenant", tenant)]);
    assert_eq!(statuses(&app, [of("a"), of("b"), of("a")]).await, [OK, OK, DENIED]);
    assert_eq!(send(&app, request("192.0.2.1", &[])).await.status(), StatusCode::UNAUTHORIZED);
}

#[throttle(rate = "1/min", key = "{org}/{user}")]
async fn by_arguments(Path((org, user)): Path<(String, String)>) -> String {
    format!("{org} {user}")
}

#[tokio::test]
async fn a_template_keeps_its_values_apart() {
    let app = Router::new().route("/{org}/{user}", route(by_arguments));
    let app = service(app, &registry_at(&ManualClock::new()).await);
    for path in ["/a/b%2Fc", "/a%2Fb/c", "/a/b", "/A/b"] {
        assert_eq!(status(&app, path).await, OK, "{path}");
        assert_eq!(status(&app, path).await, DENIED, "{path}");
    }
    assert_eq!(status(&app, "/a%2fb/c").await, DENIED, "the value counts, not its spelling");
}

#[tokio::test]
async fn defaults_may_name_another_key() {
    let settings = throttle::Settings::new().key(key::Global);
    let registry = declared_at(&ManualClock::new()).defaults(settings).build().await.expect("a registry");
    let app = Router::new().route("/", route(by_ip)).layer(Extension(registry));
    assert_eq!(statuses(&app, [request("192.0.2.1", &[]), request("192.0.2.2", &[])]).await, [OK, DENIED]);
}

#[tokio::test]
async fn b080_hostile_keys_neither_collide_nor_fail() {
    let throttle =
        Registry::default().create("t", throttle::Settings::new().rate("1/min")).expect("a throttle");
    let long = "x".repeat(10_000);
    let longer = format!("{long}x");
    let keys = ["", ":", "a:b", "a", "\0", "\0\0", " ", "ünïcödé", "a b", &long, &longer, "{tag}", "\r\n"];
    for text in keys {
        let hit = || throttle.hit(Key::from(text));
        assert!(hit().await.expect("a decision").is_allowed(), "{text:.20}");
        assert!(hit().await.expect("a decision").is_throttled(), "{text:.20}");
    }
}
