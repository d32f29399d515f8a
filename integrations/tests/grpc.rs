//! Limits on gRPC: real tonic clients of a real tonic server with a layer.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../examples/grpc/greeter.rs"]
mod greeter;

use axum::http::Request;
use common::{Broken, registry_at, seconds};
use greeter::{Greeter, greet};
use throttle::{
    BackendError, ErrorKind, ManualClock, Registry, Rule, Settings, ThrottleError, ThrottleLayer, registry,
    throttle_fn,
};
use tonic::Code;
use tonic::body::Body;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tower::{Layer, ServiceBuilder, ServiceExt};

/// Starts a server with that layer, and returns a client's channel.
async fn channel(limits: ThrottleLayer, registry: &Registry) -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let registry = registry.clone();
    let in_charge = move |mut request: Request<Body>| {
        request.extensions_mut().insert(registry.clone());
        request
    };
    let layers = ServiceBuilder::new().map_request(in_charge).layer(limits).into_inner();
    let server = Server::builder().layer(layers).add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Channel::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect()
        .await
        .expect("a connection")
}

fn field<'m>(metadata: &'m tonic::metadata::MetadataMap, name: &str) -> Option<&'m str> {
    metadata.get(name).map(|value| value.to_str().expect("text"))
}

#[tokio::test]
async fn a_denied_call_is_resource_exhausted_with_the_fields_as_metadata() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    for (uid, limits) in [
        ("one", ThrottleLayer::new([("one", Settings::new().rate("2/min"))])),
        (
            "all",
            ThrottleLayer::new([
                ("all", Settings::new().rate("2/min")),
                ("free", Settings::new().rate("9/min")),
            ]),
        ),
    ] {
        let channel = channel(limits, &registry).await;
        let answer = greet(&channel, "ann").await.expect("admitted");
        assert_eq!(answer.get_ref(), "hello ann");
        assert_eq!(field(answer.metadata(), "ratelimit"), Some(&*format!("\"{uid}\";r=1;t=60")));
        greet(&channel, "bob").await.expect("admitted");

        let status = greet(&channel, "cleo").await.expect_err("denied");
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "Too many requests. Retry in 60 seconds.");
        assert_eq!(field(status.metadata(), "retry-after"), Some("60"));
        assert_eq!(field(status.metadata(), "ratelimit"), Some(&*format!("\"{uid}\";r=0;t=60")));
        assert_eq!(field(status.metadata(), "ratelimit-policy"), Some(&*format!("\"{uid}\";q=2;w=60")));
    }
    clock.advance(seconds(60));
}

/// The program inserts nothing: a client with a known address is matched by a list that contains the address.
#[tokio::test]
async fn f15_the_peer_of_a_call_is_known() {
    common::events::listen();
    let registry = registry_at(&ManualClock::new()).await;
    let allowed = Settings::new().rate("1/min").allow("127.0.0.0/8");
    let channel = channel(ThrottleLayer::new([("allowed", allowed)]), &registry).await;
    for _ in 0..3 {
        greet(&channel, "ann").await.expect("admitted");
    }
    assert!(common::events::seen(tracing::Level::WARN).is_empty());
}

/// Under TLS, only tonic has the address.
#[tokio::test]
async fn f15_a_call_without_a_peer_is_told_what_to_enable() {
    common::events::listen();
    let registry = registry_at(&ManualClock::new()).await;
    let service = ThrottleLayer::new([("t", Settings::new().rate("1/min"))]).layer(Greeter);
    let request = Request::post("/greeting.Greeter/Greet").header("content-type", "application/grpc");
    let request = request.extension(registry).body(Body::empty()).expect("a request");
    service.oneshot(request).await.expect("an answer");
    let warnings = common::events::seen(tracing::Level::WARN);
    assert!(warnings.len() == 1 && warnings[0].contains("feature `tonic`"), "{warnings:?}");
}

#[tokio::test]
async fn the_wait_of_a_denied_call_is_true() {
    let clock = ManualClock::new();
    let registry = registry_at(&clock).await;
    let channel = channel(ThrottleLayer::new([("one", Settings::new().rate("1/min"))]), &registry).await;
    greet(&channel, "ann").await.expect("admitted");
    let status = greet(&channel, "ann").await.expect_err("denied");
    let wait = field(status.metadata(), "retry-after").expect("a wait").parse().expect("seconds");
    clock.advance(seconds(wait));
    greet(&channel, "ann").await.expect("admitted");
}

#[tokio::test]
async fn rules_are_about_the_service_and_the_method() {
    let registry = registry_at(&ManualClock::new()).await;
    for (uid, path, denied) in [
        ("a", "/greeting.Greeter/*", true),
        ("b", "/greeting.Greeter/Greet", true),
        ("c", "/other.Service/*", false),
    ] {
        let limits = ThrottleLayer::new([(uid, Settings::new().rate("1/min"))]);
        let channel = channel(limits.only(path.parse::<Rule>().expect("a pattern")), &registry).await;
        greet(&channel, "ann").await.expect("admitted");
        assert_eq!(greet(&channel, "ann").await.is_err(), denied, "{path}");
    }
}

#[tokio::test]
async fn where_there_is_no_decision_the_status_is_internal() {
    let broken = registry().backend("memory", Broken::default()).build().await.expect("a registry");
    let settings = Settings::new().rate("1/min").on_error("raise");
    let failed = channel(ThrottleLayer::new([("raise", settings)]), &broken).await;
    let status = greet(&failed, "ann").await.expect_err("no decision");
    assert_eq!((status.code(), status.message()), (Code::Internal, "the rate limiter failed"));

    let unknown = channel(ThrottleLayer::new(["nobody"]), &broken).await;
    let status = greet(&unknown, "ann").await.expect_err("no throttle");
    assert_eq!((status.code(), status.message()), (Code::Internal, "the rate limiter is misconfigured"));
}

/// A denial is what the protocol calls Trailers-Only, byte for byte, even if a handler returns something else.
#[tokio::test]
async fn a_denial_is_all_said_in_the_head() {
    async fn sorry() -> &'static str {
        "sorry"
    }
    let registry = registry_at(&ManualClock::new()).await;
    let settings = Settings::new().rate("1/min").handler(sorry);
    for (content_type, status, body) in
        [("application/grpc+proto", 200, ""), ("application/grpc-web", 200, ""), ("text/plain", 200, "sorry")]
    {
        let limits = ThrottleLayer::new([(content_type, settings.clone())]);
        let inner = tower::service_fn(async |_: Request<axum::body::Body>| {
            Ok::<_, std::convert::Infallible>(axum::response::Response::new(axum::body::Body::empty()))
        });
        let request = || {
            let request = Request::post("/greeting.Greeter/Greet").header("content-type", content_type);
            request.extension(registry.clone()).body(axum::body::Body::from("unread")).expect("a request")
        };
        let service = limits.layer(inner);
        service.clone().oneshot(request()).await.expect("an answer");
        let denied = service.oneshot(request()).await.expect("an answer");
        assert_eq!(denied.status(), status, "{content_type}");
        let is_grpc = body.is_empty();
        assert_eq!(common::header(&denied, "grpc-status").is_some(), is_grpc);
        assert_eq!(common::header(&denied, "retry-after").as_deref(), Some("60"));
        if is_grpc {
            assert_eq!(common::header(&denied, "content-type").as_deref(), Some(content_type));
            assert_eq!(common::header(&denied, "grpc-status").as_deref(), Some("8"));
        }
        assert_eq!(common::text(denied).await, body);
    }
}

/// Returns a key from the request, or a response of its own.
async fn account(headers: axum::http::HeaderMap) -> Result<String, axum::response::Response> {
    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    match headers.get("account").and_then(|value| value.to_str().ok()) {
        Some("status") => Err(tonic::Status::failed_precondition("no plan").into_http::<axum::body::Body>()),
        Some(code @ ("400" | "401" | "403" | "404" | "409" | "418" | "429" | "500" | "503")) => {
            let status = StatusCode::from_bytes(code.as_bytes()).expect("a status");
            Err((status, [("www-authenticate", "Bearer")], "secret words").into_response())
        }
        Some(account) => Ok(account.to_owned()),
        None => Err(StatusCode::UNAUTHORIZED.into_response()),
    }
}

#[tokio::test]
async fn f43_every_rejection_has_a_status_of_grpc() {
    let registry = registry_at(&ManualClock::new()).await;
    let settings = Settings::new().rate("1/min").key(account).deny("203.0.113.0/24");
    let service = ThrottleLayer::new([("f43:grpc", settings)]).layer(tower::service_fn(
        async |_: Request<axum::body::Body>| {
            Ok::<_, std::convert::Infallible>(axum::response::Response::new(axum::body::Body::empty()))
        },
    ));
    let call = |account: Option<&str>, peer: [u8; 4], content_type: &str| {
        let mut request = Request::post("/greeting.Greeter/Greet").header("content-type", content_type);
        if let Some(account) = account {
            request = request.header("account", account);
        }
        let request = request.extension(registry.clone()).extension(std::net::SocketAddr::from((peer, 1)));
        service.clone().oneshot(request.body(axum::body::Body::empty()).expect("a request"))
    };
    let here = [192, 0, 2, 1];
    let expected = [
        (None, here, "16"),
        (Some("400"), here, "3"),
        (Some("401"), here, "16"),
        (Some("403"), here, "7"),
        (Some("404"), here, "5"),
        (Some("409"), here, "10"),
        (Some("418"), here, "2"),
        (Some("429"), here, "8"),
        (Some("500"), here, "13"),
        (Some("503"), here, "14"),
        (Some("status"), here, "9"),
        (Some("ann"), [203, 0, 113, 9], "7"),
    ];
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
        for (account, peer, code) in expected {
            let answer = call(account, peer, content_type).await.expect("an answer");
            assert_eq!(answer.status(), 200, "{account:?}");
            assert_eq!(common::header(&answer, "grpc-status").as_deref(), Some(code), "{account:?}");
            assert!(common::header(&answer, "grpc-message").is_some(), "{account:?}");
            assert_eq!(common::header(&answer, "content-type").as_deref(), Some(content_type));
            let authenticate = account.is_some_and(|account| account.parse::<u16>().is_ok());
            assert_eq!(common::header(&answer, "www-authenticate").is_some(), authenticate, "metadata");
            assert_eq!(common::text(answer).await, "");
        }
    }
    // Clients of other protocols receive the response of the function.
    let answer = call(Some("403"), here, "application/json").await.expect("an answer");
    assert_eq!((answer.status().as_u16(), common::text(answer).await.as_str()), (403, "secret words"));
}

/// A function that is no service, and whose error is a status of gRPC.
#[throttle_fn(uid = "grpc", rate = "1/min")]
async fn grpc() -> Result<tonic::Response<u8>, tonic::Status> {
    Ok(tonic::Response::new(1))
}

#[tokio::test]
async fn f22_a_denial_is_a_status_of_grpc() {
    registry_at(&ManualClock::new())
        .await
        .scope(async {
            grpc().await.expect("the first call");
            let status = grpc().await.expect_err("the second call is denied");
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert_eq!(status.message(), "Too many requests. Retry in 60 seconds.");
            assert_eq!(
                status.metadata().get("retry-after").map(tonic::metadata::MetadataValue::as_bytes),
                Some(&b"60"[..])
            );
        })
        .await;
    let failed = ThrottleError::from(BackendError::new(ErrorKind::Connection, "10.0.0.1 is down"));
    let status = tonic::Status::from(failed);
    assert_eq!((status.code(), status.message()), (Code::Internal, "the rate limiter failed"));
    assert!(std::error::Error::source(&status).is_some());
}
