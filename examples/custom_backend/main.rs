//! A custom store: the client of a key-value service with its own error type, in `service.rs` beside this
//! file.
//!
//! Run it with `cargo run --example custom_backend`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! - `curl -i http://127.0.0.1:3000/strict`, four times: the fourth: 429
//! - `curl -i http://127.0.0.1:3000/stop`: 200, `closed`: the connection to the service is closed
//! - `curl -i http://127.0.0.1:3000/strict`: 429 with `retry-after: 1`: fails closed
//! - `curl -i http://127.0.0.1:3000/lenient`: 200: its `on_error` function allows this error

mod service;

use std::error::Error;
use std::net::SocketAddr;

use axum::http::StatusCode;
use axum::{Router, routing::get};
use service::{Service, ServiceError};
use throttle::backend::StoreBackend;
use throttle::{ErrorAction, Failure, Registry, registry, throttle};

#[throttle(rate = "3/min", backend = "service")]
async fn strict() -> &'static str {
    "strict\n"
}

/// Decides by the error of the store, which is the source of the `BackendError`.
async fn while_closed(failure: Failure) -> ErrorAction {
    match failure.error().source().and_then(|source| source.downcast_ref()) {
        Some(ServiceError::NotConnected) => ErrorAction::Allow,
        _ => ErrorAction::Propagate,
    }
}

#[throttle(rate = "3/min", backend = "service", on_error = while_closed)]
async fn lenient() -> &'static str {
    "lenient\n"
}

/// Closes the connection to the service, as a service that shuts down would.
async fn stop() -> (StatusCode, &'static str) {
    match Registry::current().close().await {
        Ok(()) => (StatusCode::OK, "closed\n"),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not closed\n"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    registry().backend("service", StoreBackend::new(Service::default())).install().await?;

    let app =
        Router::new().route("/strict", get(strict)).route("/lenient", get(lenient)).route("/stop", get(stop));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i http://{address}/strict    (four times, and /lenient too)");
    println!("     curl -i http://{address}/stop    and both of them again");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
