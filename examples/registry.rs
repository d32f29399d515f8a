//! One place that says what holds for the whole program: a namespace, how a backend's throttles behave, one
//! shape for every 429, another limit for one uid, the proxies to believe; and an orderly end.
//!
//! `cargo run --example registry`, then follow the lines that it prints. `PORT` picks another port.

use std::net::SocketAddr;

use axum::response::{IntoResponse, Response};
use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::json;
use throttle::backend::Memory;
use throttle::{Settings, Throttled, registry, throttle};

/// The one shape of every denial that says nothing else.
async fn json_429(throttled: Throttled) -> Response {
    let body = json!({
        "error": "rate_limit_exceeded",
        "detail": throttled.message(),
        "retry_after": throttled.retry_after_seconds(),
    });
    (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
}

async fn write_denied(throttled: Throttled) -> (StatusCode, String) {
    (StatusCode::TOO_MANY_REQUESTS, format!("{} wants less of that\n", throttled.uid()))
}

#[throttle(uid = "api:read", rate = "1000/min")]
async fn read() -> &'static str {
    "read\n"
}

/// Writes must not get through unlimited, so they fail closed although the backend's throttles do not.
#[throttle(uid = "api:write", rate = "2/min", on_error = "throttle", handler = write_denied)]
async fn write() -> &'static str {
    "written\n"
}

async fn interrupted() {
    // If the signal cannot be waited for, the server just goes on until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::builder().max_keys(100_000).build();
    let registry = registry()
        .namespace("myapp")
        .backend_with("memory", memory, Settings::new().on_error("allow").handler(json_429))
        // What is said here wins over the attribute: limits change without a change of the code.
        .throttle("api:read", Settings::new().rate("3/min"))
        // Without this line `X-Forwarded-For` is nothing but a claim of the client.
        .trusted_proxies(["127.0.0.1", "::1"])
        .install()
        .await?;

    let app = Router::new().route("/read", get(read)).route("/write", get(write));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!(
        "try: curl -i http://{address}/read    (four times, then with -H 'x-forwarded-for: 203.0.113.7')"
    );
    println!("     curl -i http://{address}/write    (three times)");
    println!("     and end it with Ctrl-C");
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(interrupted()).await?;
    registry.close().await?;
    println!("every backend is closed");
    Ok(())
}
