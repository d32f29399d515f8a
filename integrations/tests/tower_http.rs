//! A limit around layers of tower-http that replace the body of responses.

#[path = "../../tests/common/mod.rs"]
mod common;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get as read;
use common::{get, header, number, registry_at, seconds, send, service, text};
use throttle::{ManualClock, Settings, ThrottleLayer, Throttled};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

const OK: StatusCode = StatusCode::OK;
const DENIED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

async fn ok() -> &'static str {
    "ok"
}

fn per_minute(rate: &'static str) -> Settings {
    Settings::new().rate(rate)
}

async fn ask(app: &Router, method: Method, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    send(app, request).await.status()
}

/// A handler's response to a denial, which its client must receive unchanged.
async fn as_json(throttled: Throttled) -> impl IntoResponse {
    let long = "x".repeat(100_000);
    let wait = throttled.retry_after_seconds().unwrap_or(0);
    let body = format!(r#"{{"error":"slow down","wait":{wait},"long":"{long}"}}"#);
    (DENIED, [("content-type", "application/json")], body)
}

/// A router below layers that replace the body of responses.
macro_rules! below {
    ($limits:expr, $registry:expr, $($layer:expr),+) => {{
        let inner = Router::new().fallback(async || "ok".repeat(50_000));
        let layers = ServiceBuilder::new().layer($limits)$(.layer($layer))+;
        let registry = $registry.clone();
        let in_charge = ServiceBuilder::new().map_request(move |mut request: Request<Body>| {
            request.extensions_mut().insert(registry.clone());
            request
        });
        in_charge.service(layers.service(inner))
    }};
}

macro_rules! passes_and_denies {
    ($service:expr, $handler:expr) => {{
        let mut service = $service;
        let mut answers = Vec::new();
        for method in [Method::GET, Method::GET, Method::POST] {
            let request = Request::builder().method(method).header("accept-encoding", "identity");
            let request = request.body(Body::from("a body")).expect("a request");
            answers.push(service.ready().await.expect("ready").call(request).await.expect("an answer"));
        }
        let mut seen = Vec::new();
        for answer in answers {
            assert!(answer.headers().contains_key("ratelimit"));
            let content_type = header(&answer, "content-type").unwrap_or_default();
            seen.push((answer.status(), content_type, text(answer).await));
        }
        assert_eq!((seen[0].0, seen[0].2.len()), (OK, 100_000));
        for denied in &seen[1..] {
            assert_eq!((denied.0, &*denied.1), (DENIED, $handler));
            match $handler {
                "application/json" => {
                    assert_eq!((denied.2.len(), &denied.2[..20]), (100_041, r#"{"error":"slow down""#))
                }
                "application/problem+json" => assert!(denied.2.contains("violated-policies"), "{}", denied.2),
                _ => assert_eq!(denied.2, "Too many requests. Retry in 60 seconds."),
            }
        }
    }};
}

#[tokio::test]
async fn f25_no_body_is_lost_above_layers_that_replace_it() {
    let registry = registry_at(&ManualClock::new()).await;
    let settings = [
        ("application/json", per_minute("1/min").handler(as_json)),
        ("application/problem+json", per_minute("1/min").handler(throttle::problem_json)),
        ("text/plain; charset=utf-8", per_minute("1/min")),
    ];
    for (content_type, settings) in settings {
        let names = ["trace", "limit", "compression", "timeout", "map", "all"];
        // Each declaration has a name and a location of its own.
        let [trace, limit, compression, timeout, map, all] = names.map(|name| {
            let uid: &'static str = Box::leak(format!("{name}-{content_type}").into_boxed_str());
            ThrottleLayer::new([(uid, settings.clone().key(throttle::key::Global))])
        });
        let in_time = || TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, seconds(60));
        passes_and_denies!(below!(trace, registry, TraceLayer::new_for_http()), content_type);
        passes_and_denies!(below!(limit, registry, RequestBodyLimitLayer::new(1_000)), content_type);
        passes_and_denies!(below!(compression, registry, CompressionLayer::new()), content_type);
        passes_and_denies!(below!(timeout, registry, in_time()), content_type);
        passes_and_denies!(
            below!(map, registry, MapResponseBodyLayer::new(http_body_util::BodyExt::boxed_unsync)),
            content_type
        );
        let everything = below!(
            all,
            registry,
            TraceLayer::new_for_http(),
            CompressionLayer::new(),
            RequestBodyLimitLayer::new(1_000),
            in_time()
        );
        passes_and_denies!(everything, content_type);
    }
}

#[tokio::test]
async fn f25_a_layer_of_a_router_may_stand_above_such_layers() {
    let registry = registry_at(&ManualClock::new()).await;
    let limits = ThrottleLayer::new([("router", per_minute("2/min").handler(as_json))]);
    let layers =
        ServiceBuilder::new().layer(limits).layer(TraceLayer::new_for_http()).layer(CompressionLayer::new());
    let app = service(Router::new().route("/", read(ok)).layer(layers), &registry);
    assert_eq!(text(get(&app, "/").await).await, "ok");
    assert_eq!(ask(&app, Method::HEAD, "/").await, OK);
    let denied = get(&app, "/").await;
    assert_eq!(number(&denied, "content-length"), Some(100_041));
    assert!(text(denied).await.starts_with(r#"{"error":"slow down""#));
    let request = Request::head("/").body(Body::empty()).expect("a request");
    let denied = send(&app, request).await;
    assert_eq!((denied.status(), text(denied).await), (DENIED, String::new()));
}
