//! Settings of the whole program in one place: a namespace, settings of a backend, one JSON format for every
//! 429, another limit for one uid, trusted proxies, and an orderly shutdown.
//!
//! Run it with `cargo run --example registry`. The environment variable `PORT` sets another port than 3000.
//!
//! - `curl -i http://127.0.0.1:3000/read`, four times: the fourth: 429 with a JSON body; the registry
//!   overrides the limit of 1,000
//! - `curl -i -H 'x-forwarded-for: 203.0.113.7' http://127.0.0.1:3000/read`: 200: another client, because the
//!   proxy is trusted
//! - `curl -i http://127.0.0.1:3000/write`, three times: the third: 429, `api:write wants less of that`
//!
//! Ctrl-C ends the server, which then prints `every backend is closed`.

use std::net::SocketAddr;

use axum::response::{IntoResponse, Response};
use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::json;
use throttle::backend::Memory;
use throttle::{Settings, Throttled, registry, throttle};

/// The response of every denied request whose throttle has no handler of its own.
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

/// Writes must not pass while the backend fails, so this attribute overrides the backend's `on_error`.
#[throttle(uid = "api:write", rate = "2/min", on_error = "throttle", handler = write_denied)]
async fn write() -> &'static str {
    "written\n"
}

async fn interrupted() {
    // If the signal handler cannot be installed, the server runs until it is killed.
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
        // The registry overrides the attribute, so limits change without a change of the code.
        .throttle("api:read", Settings::new().rate("3/min"))
        // **Security:** `X-Forwarded-For` is ignored unless the request comes from a trusted proxy. Any
        // client can send it.
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
