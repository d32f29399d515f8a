//! Lists of networks: clients that are not limited, and clients that are rejected.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::get as route;
use throttle::{
    DecisionReason, ManualClock, Networks, Registry, Settings, ThrottleLayer, Throttled, throttle,
};

use crate::common::{declared_at, get_from, header, registry_at, send, service, status, text};

const OK: StatusCode = StatusCode::OK;
const LIMITED: StatusCode = StatusCode::TOO_MANY_REQUESTS;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

const OFFICES: Networks = Networks::new("192.0.2.0/28, 198.51.100.7");

#[throttle(rate = "1/min", allow = OFFICES, deny = "192.0.2.8/29 203.0.113.0/24")]
async fn listed() {}

#[throttle(rate = "1/min", allow = "2002:c000:200::/40", deny = "64:ff9b::/96, 2001::/32, 2002:cb00:7109::1")]
async fn translated() {}

#[throttle(rate = "1/min", deny = "192.0.2.0/24", dry_run)]
async fn shadowed() {}

#[throttle(rate = "1/min")]
async fn by_file() {}

async fn from(app: &Router, peer: [u8; 4]) -> StatusCode {
    send(app, get_from(peer, "/")).await.status()
}

async fn listed_on(registry: &Registry) -> Router {
    service(Router::new().route("/", route(listed)), registry)
}

#[tokio::test]
async fn who_is_allowed_is_not_limited_and_who_is_denied_is_not_let_in() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = listed_on(&registry).await;
    for _ in 0..3 {
        assert_eq!([from(&app, [192, 0, 2, 1]).await, from(&app, [198, 51, 100, 7]).await], [OK; 2]);
        // A client in both lists, and one in the `deny` list.
        assert_eq!([from(&app, [192, 0, 2, 9]).await, from(&app, [203, 0, 113, 1]).await], [FORBIDDEN; 2]);
    }
    // Other clients are limited.
    assert_eq!([from(&app, [198, 51, 100, 8]).await, from(&app, [198, 51, 100, 8]).await], [OK, LIMITED]);
    let counts = registry.throttles()[0].counts();
    assert_eq!((counts.skipped, counts.forbidden, counts.allowed, counts.denied), (6, 6, 1, 1));
}

#[tokio::test]
async fn the_answer_says_no_more_than_that() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = listed_on(&registry).await;
    let response: Response = send(&app, get_from([203, 0, 113, 1], "/")).await;
    assert!(response.headers().keys().all(|name| !name.as_str().contains("ratelimit")));
    assert_eq!(text(response).await, "Your network is not allowed.");
}

/// A trusted proxy determines the client. Mapped addresses count as IPv4. Unknown clients are in no list.
#[tokio::test]
async fn clients_are_those_that_limits_are_for() {
    let registry = declared_at(&ManualClock::new()).trusted_proxies(["10.0.0.0/8"]).build().await;
    let app = listed_on(&registry.expect("a registry")).await;
    let request = |peer: &str, client: &str| {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        let request = Request::get("/").extension(ConnectInfo(peer)).header("x-forwarded-for", client);
        request.body(Body::empty()).expect("a request")
    };
    for (peer, client, wanted) in [
        ("10.0.0.1", "203.0.113.5", FORBIDDEN),
        ("::ffff:203.0.113.5", "192.0.2.1", FORBIDDEN),
        ("198.51.100.9", "203.0.113.5", OK),
        ("198.51.100.9", "192.0.2.1", LIMITED),
    ] {
        assert_eq!(send(&app, request(peer, client)).await.status(), wanted, "{peer} for {client}");
    }
    let registry = registry_at(&ManualClock::new()).await;
    let unknown = Router::new().route("/", route(listed)).layer(axum::Extension(registry));
    assert_eq!([status(&unknown, "/").await, status(&unknown, "/").await], [FORBIDDEN; 2]);
}

#[throttle(rate = "1/min", allow = "0.0.0.0/0, ::/0")]
async fn allowing() {}

#[throttle(rate = "1/min", deny = "203.0.113.0/24")]
async fn denying() {}

const ADMITTING: Networks = Networks::new("203.0.113.0/24").admit_unknown();

#[throttle(rate = "1/min", deny = ADMITTING)]
async fn admitting() {}

/// A `Connected` type of the program. It represents a Unix socket, too, which has no address at all.
#[derive(Clone)]
struct Own(std::net::IpAddr);

type Ask = fn(axum::http::request::Builder) -> axum::http::request::Builder;

/// No kind of unknown client matches an `allow` list or passes a `deny` list, and one warning names the cause.
#[tokio::test]
async fn f11_an_unknown_client_is_never_trusted() {
    let proxy = |request: axum::http::request::Builder| {
        request.extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 1))))
    };
    let kinds: [(Ask, &str); 6] = [
        (|request| request, "into_make_service_with_connect_info"),
        (
            |request| request.extension(ConnectInfo(Own([192, 0, 2, 1].into()))),
            "peer_address(|info: &YourType|",
        ),
        (|request| request.header("content-type", "application/grpc"), "feature `tonic`"),
        (
            |request| request.header("forwarded", "for=\"192.0.2.1"),
            "`forwarded` of a trusted proxy is unreadable",
        ),
        (|request| request.header("forwarded", "for=10.0.0.7"), "names trusted proxies only"),
        (|request| request, "none of the headers that are enabled"),
    ];
    for (number, (ask, cause)) in kinds.into_iter().enumerate() {
        let declared =
            declared_at(&ManualClock::new()).trusted_proxies(["10.0.0.0/8"]).proxy_headers(["Forwarded"]);
        let registry = declared.build().await.expect("a registry");
        let app = Router::new().route("/allow", route(allowing)).route("/deny", route(denying));
        let app = app.route("/admit", route(admitting)).layer(axum::Extension(registry));
        crate::common::events::listen();
        for (path, wanted) in
            [("/allow", [OK, LIMITED]), ("/deny", [FORBIDDEN; 2]), ("/admit", [OK, LIMITED])]
        {
            for wanted in wanted {
                let request = if number > 2 { proxy(Request::get(path)) } else { Request::get(path) };
                let request = ask(request).body(Body::empty()).expect("a request");
                assert_eq!(send(&app, request).await.status(), wanted, "{cause}: {path}");
            }
        }
        let warnings = crate::common::events::seen(tracing::Level::WARN);
        let [warning] = &warnings[..] else { panic!("one warning: {warnings:?}") };
        assert!(warning.contains(cause), "{warning}");
    }
}

#[tokio::test]
async fn f11_admitting_unknown_clients_is_for_deny_lists() {
    let registry = registry_at(&ManualClock::new()).await;
    let error =
        registry.create("t", Settings::new().rate("1/min").allow(ADMITTING)).expect_err("no such list");
    assert!(error.to_string().contains("`admit_unknown` is for `deny`"), "{error}");
    assert_eq!(format!("{ADMITTING:?}"), "203.0.113.0/24, and admits unknown clients");
}

/// With a reader for its own type, a program has client addresses like any other program.
#[tokio::test]
async fn f15_an_own_connected_type_can_be_declared() {
    let declared = declared_at(&ManualClock::new()).peer_address(|own: &Own| Some(own.0));
    let registry = declared.build().await.expect("a registry");
    let app = Router::new().route("/", route(denying)).layer(axum::Extension(registry));
    let of = |last: u8, wrapped: bool| {
        let own = Own([203, 0, 112 + u8::from(last == 1), last].into());
        let request = Request::get("/");
        let request = if wrapped { request.extension(ConnectInfo(own)) } else { request.extension(own) };
        request.body(Body::empty()).expect("a request")
    };
    for (last, wrapped, wanted) in
        [(1, true, FORBIDDEN), (1, false, FORBIDDEN), (2, true, OK), (2, false, LIMITED)]
    {
        assert_eq!(send(&app, of(last, wrapped)).await.status(), wanted, "{last} {wrapped}");
    }
}

/// An address that embeds an IPv4 address matches the lists that contain the IPv4 address.
#[tokio::test]
async fn f14_lists_of_ipv4_are_for_embedded_addresses_too() {
    let app = listed_on(&registry_at(&ManualClock::new()).await).await;
    for peer in ["64:ff9b::203.0.113.7", "2002:cb00:7107::1", "::ffff:203.0.113.7"] {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        let request = Request::get("/").extension(ConnectInfo(peer)).body(Body::empty()).expect("a request");
        assert_eq!(send(&app, request).await.status(), FORBIDDEN, "{peer}");
    }
}

/// The networks of the translators can be listed, too. Earlier, such lists matched no client, because the
/// address was replaced first.
#[tokio::test]
async fn f14_lists_contain_embedding_addresses_as_they_are_sent() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(translated)), &registry);
    let from = async |peer: &str| {
        let peer = SocketAddr::new(peer.parse().expect("an address"), 1);
        let request = Request::get("/").extension(ConnectInfo(peer)).body(Body::empty()).expect("a request");
        send(&app, request).await.status()
    };
    for denied in ["64:ff9b::cb00:7109", "64:ff9b::10.0.0.1", "2001:0:1:2:3:4:34ff:8ef6", "2002:cb00:7109::1"]
    {
        assert_eq!(from(denied).await, FORBIDDEN, "{denied}");
    }
    for _ in 0..3 {
        assert_eq!(from("2002:c000:201::1").await, OK, "exempt");
    }
    assert_eq!(
        [from("203.0.113.9").await, from("2002:cb00:7109::2").await],
        [OK, LIMITED],
        "one bucket, on no list"
    );
}

#[tokio::test]
async fn a_dry_run_lets_everybody_in_and_counts_whom_it_would_not() {
    let registry = registry_at(&ManualClock::new()).await;
    let app = service(Router::new().route("/", route(shadowed)), &registry);
    assert_eq!(from(&app, [192, 0, 2, 1]).await, OK);
    let counts = registry.throttles()[0].counts();
    assert_eq!((counts.would_deny, counts.forbidden), (1, 0));
}

/// Creates a file, and a router where `by_file` denies the networks in it.
async fn with_file(clock: &ManualClock, content: &str) -> (&'static str, Router) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("deny-{}.txt", std::process::id()));
    std::fs::write(&path, content).expect("a file");
    let path: &'static str = String::leak(path.to_str().expect("text").to_owned());
    let settings = Settings::new().deny(Networks::file(path));
    let registry =
        declared_at(clock).clock(clock.clone()).defaults(settings).build().await.expect("a registry");
    (path, service(Router::new().route("/", route(by_file)), &registry))
}

/// Sends requests until the status is `wanted`. Files are checked in the background, once per second.
async fn becomes(app: &Router, clock: &ManualClock, peer: [u8; 4], wanted: StatusCode) {
    for _ in 0..500 {
        clock.advance(Duration::from_secs(60));
        if from(app, peer).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not become {wanted}");
}

#[tokio::test]
async fn a_file_that_has_changed_is_read_again() {
    let clock = ManualClock::new();
    let (path, app) = with_file(&clock, "# bad ones\n203.0.113.0/24\n").await;
    let (old, new) = ([203, 0, 113, 1], [198, 51, 100, 1]);
    assert_eq!([from(&app, old).await, from(&app, new).await], [FORBIDDEN, OK]);
    std::fs::write(path, "198.51.100.0/24 # the new ones").expect("a file");
    // The file is not read again before the next check.
    assert_eq!(from(&app, old).await, FORBIDDEN);
    becomes(&app, &clock, new, FORBIDDEN).await;
    assert_eq!(from(&app, old).await, OK);
    // A file that cannot be read changes nothing, and is reported once.
    std::fs::write(path, "198.51.100.0/24\n203.0.113.0/").expect("a file");
    for _ in 0..5 {
        clock.advance(Duration::from_secs(60));
        assert_eq!(from(&app, new).await, FORBIDDEN);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::remove_file(path).expect("the file is removed");
    clock.advance(Duration::from_secs(60));
    assert_eq!(from(&app, new).await, FORBIDDEN);
}

#[tokio::test]
async fn a_list_that_is_none_makes_no_throttle() {
    let registry = registry_at(&ManualClock::new()).await;
    let make =
        |settings: Settings| registry.create("t", settings.rate("1/min")).expect_err("no list").to_string();
    let wrong = make(Settings::new().allow("10.0.0.0/8, 10.0.0.256"));
    assert!(
        wrong.contains("`allow` of `t`: line 1: \"10.0.0.256\" is neither a network nor an address"),
        "{wrong}"
    );
    assert!(make(Settings::new().deny("")).contains("a list of networks is empty"));
    let missing = make(Settings::new().deny(Networks::file("/nowhere/deny.txt")));
    assert!(missing.contains("the list of networks \"/nowhere/deny.txt\""), "{missing}");
    assert_eq!(format!("{:?}", Networks::file("a")), "file(\"a\")");
}

async fn in_json(throttled: Throttled) -> (StatusCode, axum::Json<serde_json::Value>) {
    let denied = matches!(throttled.reason(), DecisionReason::Forbidden);
    let body = serde_json::json!({ "denied": denied, "uid": throttled.uid(), "says": throttled.message() });
    (throttled.status(), axum::Json(body))
}

/// A handler that ignores lists.
async fn of_rates(throttled: Throttled) -> (StatusCode, String) {
    (LIMITED, format!("retry in {:?}", throttled.retry_after_seconds()))
}

#[throttle(uid = "in-json", rate = "1/min", deny = "203.0.113.0/24", handler = in_json)]
async fn shaped() {}

#[throttle(uid = "of-rates", rate = "1/min", deny = "203.0.113.0/24", handler = of_rates)]
async fn of_old() {}

#[throttle(uid = "problem-details", rate = "1/min", deny = "203.0.113.0/24", handler = throttle::problem_json)]
async fn problem() {}

#[tokio::test]
async fn f43_a_handler_shapes_the_response_to_a_client_on_a_deny_list() {
    let registry = registry_at(&ManualClock::new()).await;
    let router = Router::new()
        .route("/json", route(shaped))
        .route("/old", route(of_old))
        .route("/problem", route(problem));
    let layered = || {
        let settings = Settings::new().rate("1/min").deny("203.0.113.0/24").handler(in_json);
        ThrottleLayer::new([("in-json-layer", settings)])
    };
    let app = service(router.route("/layer", route(async || "ok").layer(layered())), &registry);
    let denied = "Your network is not allowed.";
    let json = |uid: &str| format!(r#"{{"denied":true,"says":"{denied}","uid":"{uid}"}}"#);
    let problem = format!(r#"{{"type":"about:blank","title":"Forbidden","status":403,"detail":"{denied}"}}"#);
    let expected = [
        ("/json", "application/json", json("in-json")),
        ("/layer", "application/json", json("in-json-layer")),
        ("/old", "text/plain; charset=utf-8", "retry in None".to_owned()),
        ("/problem", "application/problem+json", problem),
    ];
    for (path, content_type, body) in expected {
        let answer = send(&app, get_from([203, 0, 113, 1], path)).await;
        assert_eq!(answer.status(), FORBIDDEN, "{path}");
        assert_eq!(header(&answer, "content-type").as_deref(), Some(content_type), "{path}");
        assert!(answer.headers().keys().all(|name| name != "retry-after" && name != "ratelimit"), "{path}");
        assert_eq!(text(answer).await, body, "{path}");
    }
    // Other clients are denied by the rate, with the same handler.
    let other = || get_from([192, 0, 2, 77], "/json");
    assert_eq!(send(&app, other()).await.status(), OK);
    let answer = send(&app, other()).await;
    assert_eq!(answer.status(), LIMITED);
    assert!(text(answer).await.contains(r#""denied":false"#));
}
