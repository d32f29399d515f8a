//! Limits on a server of hyper, without axum around it.

use std::convert::Infallible;

use axum::http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use throttle::{ManualClock, Settings, ThrottleLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceBuilder;

use crate::common::registry_at;

/// Returns the response of the server at that port.
async fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_server_of_hyper_has_the_limits_of_a_layer() {
    let registry = registry_at(&ManualClock::new()).await;
    let in_charge = move |mut request: Request<_>| {
        request.extensions_mut().insert(registry.clone());
        request
    };
    let limits = ThrottleLayer::new([("hyper", Settings::new().rate("2/min"))]);
    let service = ServiceBuilder::new()
        .map_request(in_charge)
        .layer(limits)
        .service_fn(async |_: Request<_>| Ok::<_, Infallible>(Response::new("hello".to_owned())));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let service = TowerToHyperService::new(service.clone());
            let connection = Builder::new(TokioExecutor::new());
            tokio::spawn(async move { connection.serve_connection(TokioIo::new(stream), service).await });
        }
    });
    for left in [1, 0] {
        let answer = get(port).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nhello"), "{answer}");
        assert!(answer.contains(&format!("ratelimit: \"hyper\";r={left};t=60")), "{answer}");
    }
    let answer = get(port).await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 60"), "{answer}");
}
