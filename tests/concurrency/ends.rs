//! When a permit is released.

use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::{get as route, post};
use axum::{Extension, Json, Router};
use futures_util::StreamExt;
use futures_util::stream::repeat_with;
use http_body_util::BodyExt;
use throttle::{ManualClock, Registry, throttle};

use crate::common::{get, registry_at, send, service, status, text};
use crate::gate::{Gate, eventually, request, start};
use crate::{DENIED, OK};

#[throttle(uid = "one", max_concurrent = 1)]
async fn one(State(gate): State<Arc<Gate>>) -> &'static str {
    gate.wait().await;
    "ok"
}

#[throttle(uid = "panics", max_concurrent = 1)]
async fn panics() -> &'static str {
    panic!("a handler that panics")
}

#[throttle(uid = "takes-json", max_concurrent = 1)]
async fn takes_json(Json(_): Json<u64>) {}

/// A body of three pieces.
#[throttle(uid = "stream", max_concurrent = 1)]
async fn stream() -> Body {
    Body::from_stream(repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(b"piece"))).take(3))
}

/// A body that does not end while it is read.
#[throttle(uid = "endless", max_concurrent = 1)]
async fn endless() -> Body {
    Body::from_stream(repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 4096]))))
}

async fn app() -> (Router, Registry, Arc<Gate>) {
    let (registry, gate) = (registry_at(&ManualClock::new()).await, Gate::new());
    let router = Router::new()
        .route("/one", route(one))
        .route("/panics", route(panics))
        .route("/json", post(takes_json))
        .route("/stream", route(stream))
        .route("/endless", route(endless))
        .with_state(Arc::clone(&gate));
    (service(router, &registry), registry, gate)
}

#[tokio::test]
async fn a_request_that_is_cancelled_frees_its_place() {
    let (app, _, gate) = app().await;
    let held = start(&app, request("/one"));
    gate.filled(1).await;
    assert_eq!(status(&app, "/one").await, DENIED);
    held.abort();
    assert!(held.await.is_err());
    gate.let_go(1);
    assert_eq!(status(&app, "/one").await, OK);
}

#[tokio::test]
async fn a_handler_that_panics_frees_its_place() {
    let (app, _, _) = app().await;
    for _ in 0..3 {
        assert!(start(&app, request("/panics")).await.expect_err("it panics").is_panic());
    }
}

#[tokio::test]
async fn an_extractor_that_rejects_frees_the_place() {
    let (app, _, _) = app().await;
    for _ in 0..3 {
        let request = Request::post("/json").body(Body::from("no number")).expect("a request");
        assert_eq!(send(&app, request).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn a_body_is_in_flight_until_its_end() {
    let (app, _, gate) = app().await;
    gate.let_go(1);
    let whole = get(&app, "/one").await;
    assert_eq!(whole.status(), OK);
    assert_eq!(status(&app, "/one").await, DENIED, "nobody has read the body");
    assert_eq!(http_body::Body::size_hint(whole.body()).exact(), Some(2), "its length is known all the same");
    assert_eq!(text(whole).await, "ok");
    gate.let_go(1);
    assert_eq!(status(&app, "/one").await, OK);

    let mut pieces = get(&app, "/stream").await.into_body();
    for _ in 0..3 {
        assert_eq!(status(&app, "/stream").await, DENIED);
        let piece = pieces.frame().await.expect("a piece").expect("no error");
        assert_eq!(piece.into_data().expect("data"), "piece");
    }
    assert!(pieces.frame().await.is_none());
    let again = get(&app, "/stream").await;
    assert_eq!(again.status(), OK, "the last body has ended, though it is there yet");
    assert_eq!(status(&app, "/stream").await, DENIED);
    drop(again);
    assert_eq!(status(&app, "/stream").await, OK, "it was given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_hangs_up_frees_its_place() {
    let (app, registry, gate) = app().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app.layer(Extension(registry))).await });
    let call = |path: &str| {
        let mut client = TcpStream::connect(address).expect("it listens");
        write!(client, "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
        client
    };
    let waits = call("/one");
    gate.filled(1).await;
    drop(waits);
    // The clients that get the permit are in flight, and the others are denied.
    let mut clients = Vec::new();
    eventually(|| {
        clients.push(call("/one"));
        let quiet = gate.is_quiet();
        async move { !quiet }
    })
    .await;
    // The same while a body is sent that the client does not read to its end.
    let mut reads = call("/endless");
    std::io::Read::read_exact(&mut reads, &mut [0; 10_000]).expect("a part of it");
    let answer = |mut client: TcpStream| {
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut client, &mut head).expect("an answer");
        String::from_utf8(head.to_vec()).expect("text")
    };
    assert_eq!(answer(call("/endless")), "HTTP/1.1 429");
    drop(reads);
    eventually(|| {
        let first = answer(call("/endless"));
        async move { first == "HTTP/1.1 200" }
    })
    .await;
}

#[tokio::test]
async fn the_length_of_a_body_is_still_sent() {
    let (app, registry, gate) = app().await;
    gate.let_go(2);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app.layer(Extension(registry))).await });
    // Sequential requests on one connection: the permit of the first is free when its response arrives.
    let answers = tokio::task::spawn_blocking(move || {
        let mut client = TcpStream::connect(address).expect("it listens");
        let mut ask = || {
            write!(client, "GET /one HTTP/1.1\r\nhost: a\r\n\r\n").expect("sent");
            let mut answer = Vec::new();
            while !answer.ends_with(b"ok") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut client, &mut byte).expect("an answer");
                answer.push(byte[0]);
            }
            String::from_utf8(answer).expect("text")
        };
        [ask(), ask()]
    });
    for answer in answers.await.expect("no panic") {
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("content-length: 2\r\n"), "{answer}");
    }
}
