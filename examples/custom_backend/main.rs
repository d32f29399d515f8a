//! A store behind a client, with errors of its own: `service.rs` beside this file.
//!
//! `cargo run --example custom_backend`, then follow the lines that it prints. `PORT` picks another port.

mod service;

use std::error::Error;
use std::net::SocketAddr;

use axum::http::StatusCode;
use axum::{Router, routing::get};
use service::{Service, ServiceError};
use throttle::backend::Stored;
use throttle::{Failure, Reaction, Registry, registry, throttle};

#[throttle(rate = "3/min", backend = "service")]
async fn strict() -> &'static str {
    "strict\n"
}

/// What went wrong is at hand, as the client said it.
async fn while_closed(failure: Failure) -> Reaction {
    match failure.error().source().and_then(|source| source.downcast_ref()) {
        Some(ServiceError::NotConnected) => Reaction::Allow,
        _ => Reaction::Propagate,
    }
}

#[throttle(rate = "3/min", backend = "service", on_error = while_closed)]
async fn lenient() -> &'static str {
    "lenient\n"
}

/// Ends the connection, as a service does that goes away.
async fn stop() -> (StatusCode, &'static str) {
    match Registry::current().close().await {
        Ok(()) => (StatusCode::OK, "closed\n"),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not closed\n"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    registry().backend("service", Stored::new(Service::default())).install().await?;

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
