//! Failures of the store: `on_error` decides for each throttle what happens to its requests. The store of
//! this example always fails.
//!
//! Run it with `cargo run --example on_error`. The environment variable `PORT` sets another port than 3000.
//!
//! - `curl -i http://127.0.0.1:3000/read`, where the backend sets `"allow"`: 200 without `RateLimit` headers
//! - `curl -i http://127.0.0.1:3000/write`, with `"throttle"`: 429 with `retry-after: 1`
//! - `curl -i http://127.0.0.1:3000/pay`, with `OnError::Throttle`: 429 with `retry-after: 30`
//! - `curl -i http://127.0.0.1:3000/debug`, with `"raise"`: 500, `the rate limiter failed`
//! - `curl -i http://127.0.0.1:3000/list`, with a function: 200, and the server prints the error

use std::{net::SocketAddr, time::Duration};

use axum::{Router, http::Uri, routing::get};
use throttle::backend::{Backend, Charge, Mode, Reply, Verdict};
use throttle::{
    BackendError, ErrorAction, ErrorKind, Failure, NowOrLater, OnError, Settings, registry, throttle,
};

/// A backend whose server is unreachable.
#[derive(Debug)]
struct Down;

fn refuse<'a, T>() -> Reply<'a, T> {
    NowOrLater::now(Err(BackendError::new(ErrorKind::Connection, "connection refused")))
}

impl Backend for Down {
    fn decide<'a>(&'a self, _: &'a [Charge<'a>], _: Mode) -> Reply<'a, Verdict> {
        refuse()
    }

    fn refund<'a>(&'a self, _: &'a [Charge<'a>], _: u64) -> Reply<'a, ()> {
        refuse()
    }

    fn reset(&self) -> Reply<'_, ()> {
        refuse()
    }
}

#[throttle(uid = "api:read", rate = "1000/min", backend = "store")]
async fn read() -> &'static str {
    "read: the backend's policy lets it pass\n"
}

#[throttle(uid = "api:write", rate = "100/min", backend = "store", on_error = "throttle")]
async fn write() -> &'static str {
    "never seen: writes fail closed, for a second\n"
}

#[throttle(uid = "api:pay", rate = "10/min", backend = "store", on_error = OnError::Throttle(Duration::from_secs(30)))]
async fn pay() -> &'static str {
    "never seen: a wait of half a minute\n"
}

#[throttle(uid = "api:debug", rate = "10/min", backend = "store", on_error = "raise")]
async fn debug() -> &'static str {
    "never seen: the failure is a status 500\n"
}

/// Decides by the kind of the error, and prints the error. The function takes the same extractors as other
/// functions: everything except the body.
async fn by_kind(uri: Uri, failure: Failure) -> ErrorAction {
    eprintln!("{uri}: {} on {}: {}", failure.uid(), failure.backend(), failure.error());
    match failure.error().kind() {
        ErrorKind::Connection | ErrorKind::Timeout => ErrorAction::Allow,
        _ => ErrorAction::Throttle(Duration::from_secs(1)),
    }
}

#[throttle(uid = "api:list", rate = "10/min", backend = "store", on_error = by_kind)]
async fn list() -> &'static str {
    "list: a function lets it pass\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    registry().backend_with("store", Down, Settings::new().on_error("allow")).install().await?;
    let app = Router::new()
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/pay", get(pay))
        .route("/debug", get(debug))
        .route("/list", get(list));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("try: curl -i http://{}/read    (or /write, /pay, /debug, /list)", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
