//! Keys and client addresses: behaviours 20 and 96 to 101, defects 2, 7 and 11.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::get as route;
use axum::{Extension, Router};
use std::net::SocketAddr;
use std::sync::Arc;
use throttle::{
    ClientIp, Identity, Key, ManualClock, ProxyHeader, Rate, Registry, Throttled, key, registry, throttle,
};
use tracing::Level;

use crate::common::{Counted, declared_at, events, get, get_from, registry_at, send, service, status};

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

/// Returns a request from a peer, with headers.
fn request(peer: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let peer: SocketAddr = SocketAddr::new(peer.parse().expect("an address"), 4711);
    let mut request = Request::get("/").extension(ConnectInfo(peer));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).expect("a request")
}

/// Returns the statuses of these requests in sequence, on a fresh registry.
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

/// On AWS Lambda, the program writes no make-service, so the warning has a different line.
#[test]
fn f15_on_lambda_the_warning_is_another_one() {
    let mut test = std::process::Command::new(std::env::current_exe().expect("this test"));
    test.args(["identity::b096_without_a_peer_there_is_one_bucket_and_one_warning", "--exact"]);
    let elsewhere = test.output().expect("it runs");
    assert!(elsewhere.status.success());
    let lambda = test.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1").output().expect("it runs");
    let output =
        String::from_utf8_lossy(&lambda.stdout).into_owned() + &String::from_utf8_lossy(&lambda.stderr);
    assert!(!lambda.status.success() && output.contains("AWS Lambda passes on no peer"), "{output}");
}

/// Clients on a Unix socket have no addresses. The warning contains the line to write for that.
#[cfg(unix)]
#[tokio::test]
async fn f15_a_unix_listener_has_its_line() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    events::listen();
    let path = std::env::temp_dir().join(format!("throttle-identity-{}", std::process::id()));
    let app = Router::new().route("/", route(by_ip)).layer(Extension(registry_at(&ManualClock::new()).await));
    let listener = tokio::net::UnixListener::bind(&path).expect("a socket");
    let server = tokio::spawn(async { axum::serve(listener, app).await });
    let mut stream = tokio::net::UnixStream::connect(&path).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.abort();
    std::fs::remove_file(&path).expect("the socket is removed");
    let warnings = events::seen(Level::WARN);
    assert!(warnings.len() == 1 && warnings[0].contains("on a Unix socket"), "{warnings:?}");
    assert!(warnings[0].contains("registry().trusted_hops(1)"), "{warnings:?}");
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

#[throttle(rate = "1/min", key = header("Authorization"))]
async fn by_authorization() {}

/// One credential has one bucket, however it is spelled. A credential that parsers read differently counts by
/// address.
#[tokio::test]
async fn f10_one_credential_has_one_bucket() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = Router::new().route("/c", route(by_cookie)).route("/a", route(by_authorization));
    let app = app.layer(Extension(registry));
    let ask = async |path: &str, peer: u8, name: &str, values: &[&str]| {
        let mut request = get_from([192, 0, 2, peer], path);
        for value in values {
            let name = axum::http::HeaderName::try_from(name).expect("a name");
            request.headers_mut().append(name, value.parse().expect("a value"));
        }
        send(&app, request).await.status()
    };
    assert_eq!(ask("/c", 1, "cookie", &["session=s3cret"]).await, OK);
    for (number, spelling) in
        ["session= s3cret", "a=b; session=\"s3cret\"", "session=s3cre%74", "session=s3cret; session=s3cret"]
            .into_iter()
            .enumerate()
    {
        let peer = 10 + u8::try_from(number).expect("a few");
        assert_eq!(ask("/c", peer, "cookie", &[spelling]).await, DENIED, "{spelling}");
    }
    let mut admitted = 0;
    for junk in 0..50 {
        for line in
            [format!("session=junk{junk}; session=s3cret"), format!("session=s3cret; session=junk{junk}")]
        {
            admitted += u8::from(ask("/c", 1, "cookie", &[&line]).await == OK);
        }
        admitted +=
            u8::from(ask("/c", 1, "cookie", &["session=s3cret", &format!("session=j{junk}")]).await == OK);
    }
    assert_eq!(admitted, 1, "that of the address");
    assert_eq!(
        ask("/c", 1, "cookie", &["session="]).await,
        DENIED,
        "no value, and the address has none left"
    );

    assert_eq!(ask("/a", 1, "authorization", &["Bearer x"]).await, OK);
    for (number, spelling) in ["bearer x", "BEARER   x", " Bearer\tx "].into_iter().enumerate() {
        let peer = 10 + u8::try_from(number).expect("a few");
        assert_eq!(ask("/a", peer, "authorization", &[spelling]).await, DENIED, "{spelling}");
    }
    assert_eq!(ask("/a", 2, "authorization", &["Bearer X"]).await, OK, "another token");
    assert_eq!(ask("/a", 3, "authorization", &["Bearer x", "Bearer y"]).await, OK, "the address");
    assert_eq!(ask("/a", 3, "authorization", &["Bearer x", "Bearer z"]).await, DENIED, "the same address");
}

async fn client(client: ClientIp) -> ClientIp {
    client
}

#[throttle(uid = "f12:key", rate = "1/min", key = client)]
async fn by_client_ip() {}

async fn rate_of(client: ClientIp) -> Rate {
    Rate::per_minute(if client.address().is_some_and(|it| it.is_ipv6()) { 2 } else { 1 })
}

async fn told(throttled: Throttled) -> (StatusCode, String) {
    let client = throttled.client_ip().expect("a request");
    (DENIED, format!("{client} {:?}", client.address()))
}

#[throttle(uid = "f12:rate", rate = rate_of, handler = told)]
async fn by_rate() {}

#[throttle(uid = "f12:template", rate = "1/min", key = "{client}/{name}")]
async fn by_template(Path(name): Path<String>) -> String {
    name
}

#[throttle(uid = "f12:argument", rate = "1/min", key = "{client}")]
async fn by_argument(Path(client): Path<String>) -> String {
    client
}

/// The client behind a proxy as `key = ip` sees it: for keys, rates, handlers and templates.
#[tokio::test]
async fn f12_functions_see_the_client_that_the_library_found() {
    let declared = declared_at(&ManualClock::new()).trusted_proxies(["10.0.0.0/8"]).ipv6_prefix(48);
    let registry = declared.build().await.expect("a registry");
    let app = Router::new()
        .route("/key", route(by_client_ip))
        .route("/rate", route(by_rate))
        .route("/template/{name}", route(by_template))
        .route("/argument/{client}", route(by_argument))
        .route("/handler", route(async |client: ClientIp| format!("{client} {client:?}")))
        .layer(Extension(registry.clone()));
    let ask = async |path: &str, client: &str| {
        let request = get_from([10, 0, 0, 1], path);
        let (mut parts, body) = request.into_parts();
        parts.headers.insert("x-forwarded-for", client.parse().expect("a value"));
        send(&app, Request::from_parts(parts, body)).await
    };
    for (first, same, other) in
        [("1.1.1.1", "::ffff:1.1.1.1", "1.1.1.2"), ("2001:db8:1::1", "2001:db8:1:ffff::2", "2001:db8:2::1")]
    {
        for path in ["/key", "/template/ann"] {
            assert_eq!(ask(path, first).await.status(), OK, "{path} {first}");
            assert_eq!(ask(path, same).await.status(), DENIED, "{path} {same}");
            assert_eq!(ask(path, other).await.status(), OK, "{path} {other}");
        }
    }
    assert_eq!(ask("/template/bob", "1.1.1.1").await.status(), OK);
    assert_eq!(ask("/argument/ann", "1.1.1.1").await.status(), OK);
    assert_eq!(ask("/argument/ann", "1.1.1.9").await.status(), DENIED, "an argument of that name goes first");
    assert_eq!(ask("/rate", "1.1.1.1").await.status(), OK);
    let denied = ask("/rate", "1.1.1.1").await;
    assert_eq!(crate::common::text(denied).await, "1.1.1.1 Some(1.1.1.1)");
    for (wanted, client) in [(OK, "2001:db8:7:1::1"), (OK, "2001:db8:7:2::1"), (DENIED, "2001:db8:7:3::1")] {
        assert_eq!(ask("/rate", client).await.status(), wanted);
    }
    assert_eq!(
        crate::common::text(ask("/handler", "2001:db8:1:ffff::2").await).await,
        "2001:db8:1:: ClientIp(known)"
    );
    assert_eq!(crate::common::text(ask("/handler", "junk").await).await, "10.0.0.1 ClientIp(unknown)");
    let (parts, ()) = Request::new(()).into_parts();
    assert_eq!(
        (registry.client_ip(&parts).group(), registry.client_ip(&parts).to_string()),
        (None, "unknown".into())
    );
}

/// The bucket is the one of `key = ip`.
#[tokio::test]
async fn f12_a_client_ip_has_the_bucket_of_ip() {
    for client in ["1.1.1.1", "2001:db8:1::1"] {
        let app =
            Router::new().route("/", route(by_ip)).layer(Extension(registry_at(&ManualClock::new()).await));
        assert_eq!(send(&app, request(client, &[])).await.status(), OK);
        let registry = registry_at(&ManualClock::new()).await;
        let throttle = registry.create("t", throttle::Settings::new().rate("1/min")).expect("a throttle");
        let (parts, ()) = request(client, &[]).map(|_| ()).into_parts();
        assert!(throttle.hit(Key::from(registry.client_ip(&parts))).await.expect("a decision").is_allowed());
        let network: std::net::IpAddr =
            if client.contains(':') { "2001:db8:1::" } else { client }.parse().expect("one");
        assert!(throttle.hit(Key::from(network)).await.expect("a decision").is_throttled());
    }
}

/// One line contains what to write. It is logged once, and contains no client.
#[tokio::test]
async fn f13_headers_of_an_undeclared_proxy_are_warned_of() {
    let app = |registry| Router::new().route("/", route(by_ip)).layer(Extension(registry));
    for (peer, name, line) in [
        ("10.0.0.7", "x-forwarded-for", "registry().trusted_proxies([\"10.0.0.7\"])`,"),
        (
            "10.0.0.7",
            "x-real-ip",
            "registry().trusted_proxies([\"10.0.0.7\"]).proxy_headers([\"x-real-ip\"])`,",
        ),
        (
            "fd00::1",
            "forwarded",
            "registry().trusted_proxies([\"fd00::1\"]).proxy_headers([\"forwarded\"])`,",
        ),
        ("203.0.113.9", "x-forwarded-for", "registry().trusted_proxies([\"ADDRESS OF THE PROXY\"])`,"),
    ] {
        events::listen();
        let app = app(registry_at(&ManualClock::new()).await);
        let forwarded = || request(peer, &[(name, "for=1.1.1.1")]);
        assert_eq!(statuses(&app, [forwarded(), forwarded()]).await, [OK, DENIED]);
        let warnings = events::seen(Level::WARN);
        let [warning] = &warnings[..] else { panic!("one warning: {warnings:?}") };
        assert!(warning.contains(line) && warning.contains("trusted_hops(1)"), "{warning}");
        assert!(!warning.contains("203.0.113.9") && !warning.contains("1.1.1.1"), "{warning}");
    }
    // No warning for a declared proxy, and none for requests without such headers.
    events::listen();
    let behind = behind(&["10.0.0.7"], &[]).await;
    let direct = app(registry_at(&ManualClock::new()).await);
    assert_eq!(statuses(&behind, [request("10.0.0.7", &[("x-forwarded-for", "1.1.1.1")])]).await, [OK]);
    assert_eq!(statuses(&direct, [request("10.0.0.7", &[])]).await, [OK]);
    assert_eq!(events::seen(Level::WARN), Vec::<String>::new());
    // A late undeclared proxy is found when a request is denied.
    let quiet = app(registry_at(&ManualClock::new()).await);
    for _ in 0..1_100 {
        send(&quiet, request("192.0.2.1", &[])).await;
    }
    let late = [
        request("10.0.0.7", &[("x-forwarded-for", "1.1.1.1")]),
        request("10.0.0.7", &[("x-forwarded-for", "1.1.1.1")]),
    ];
    assert_eq!(statuses(&quiet, late).await, [OK, DENIED]);
    assert_eq!(events::seen(Level::WARN).len(), 1);
}

#[tokio::test]
async fn f13_proxies_that_cannot_be_are_an_error_at_startup() {
    let wrong =
        async |declared: throttle::RegistryBuilder| declared.build().await.expect_err("wrong").to_string();
    for all in ["0.0.0.0/0", "::/0", "0.0.0.0/1"] {
        let error = wrong(registry().trusted_proxies([all])).await;
        assert!(error.contains(all) && error.contains("trusted_hops(1)"), "{error}");
    }
    let both = wrong(registry().trusted_proxies(["10.0.0.0/8"]).trusted_hops(1)).await;
    assert!(both.contains("exclude each other"), "{both}");
    let name = wrong(registry().proxy_headers(["no header"])).await;
    assert!(name.contains("\"no header\" is not the name of a header"), "{name}");
}

/// For platforms whose proxies have no known addresses, and for Unix sockets, where peers have no addresses.
#[tokio::test]
async fn f13_proxies_can_be_counted() {
    let registry = declared_at(&ManualClock::new()).trusted_hops(2).build().await.expect("a registry");
    let app = Router::new().route("/", route(by_ip)).layer(Extension(registry));
    let via = |peer, chain| request(peer, &[("x-forwarded-for", chain)]);
    let unix = Request::get("/").header("x-forwarded-for", "5.5.5.5, 1.1.1.1, 9.9.9.9").body(Body::empty());
    let requests = [
        via("8.8.8.8", "6.6.6.6, 1.1.1.1, 10.0.0.2"),
        via("8.8.4.4", "7.7.7.7, 1.1.1.1, 203.0.113.1"),
        via("8.8.8.8", "1.1.1.2, 10.0.0.2"),
        unix.expect("a request"),
    ];
    assert_eq!(statuses(&app, requests).await, [OK, DENIED, OK, DENIED]);
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
        Registry::default().create("t", throttle::Settings::new().rate("1/day")).expect("a throttle");
    let long = "x".repeat(10_000);
    let longer = format!("{long}x");
    let keys = ["", ":", "a:b", "a", "\0", "\0\0", " ", "ünïcödé", "a b", &long, &longer, "{tag}", "\r\n"];
    for text in keys {
        let hit = || throttle.hit(Key::from(text));
        assert!(hit().await.expect("a decision").is_allowed(), "{text:.20}");
        assert!(hit().await.expect("a decision").is_throttled(), "{text:.20}");
    }
}
