//! The response of a denied request: JSON with the numbers of the decision, or the format that the client
//! accepts.
//!
//! Run it with `cargo run --example custom_handler`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! - `curl -i http://127.0.0.1:3000/read`, four times in two seconds: 429, `application/json` with `error`,
//!   `message`, `retry_after_seconds`, `limit`, `remaining`; `x-ratelimit-reset`
//! - `curl -i http://127.0.0.1:3000/list`, twice: 429, `text/plain`: the default response
//! - `curl -i -H 'accept: application/json' http://127.0.0.1:3000/list`: 429, `application/problem+json`

use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode, header::ACCEPT};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde_json::json;
use throttle::{Throttled, throttle};

/// Makes a JSON response. The throttle adds `Retry-After` and the `RateLimit` headers to every response of a
/// handler.
async fn rate_limit_exceeded(throttled: Throttled) -> impl IntoResponse {
    let wait = throttled.retry_after_seconds();
    let body = json!({
        "error": "rate_limit_exceeded",
        "message": format!("You've hit the {:?} limit. Slow down!", throttled.uid()),
        "retry_after_seconds": wait,
        // These are the numbers of the decision. Reading them calls no backend and consumes nothing.
        "limit": throttled.limits().first().map(|quota| quota.rate().limit()),
        "remaining": throttled.remaining(),
    });
    let reset = wait.map(|seconds| [("x-ratelimit-reset", seconds.to_string())]);
    (StatusCode::TOO_MANY_REQUESTS, reset, Json(body))
}

/// A handler takes the same extractors as other functions: everything except the body, which is not read.
async fn as_accepted(headers: HeaderMap, throttled: Throttled) -> Response {
    let accepts_json = headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().ends_with(b"json"));
    if accepts_json { throttle::problem_json(throttled).await } else { throttled.into_response() }
}

/// The window is two seconds long, so that you can try this without a long wait.
#[throttle(uid = "api:read", rate = "3/2s", handler = rate_limit_exceeded)]
async fn read() -> &'static str {
    "read\n"
}

#[throttle(uid = "api:list", rate = "1/min", handler = as_accepted)]
async fn list() -> &'static str {
    "list\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().route("/read", get(read)).route("/list", get(list));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!(
        "try: curl -i http://{address}/read http://{address}/read http://{address}/read http://{address}/read"
    );
    println!("     curl -i http://{address}/list http://{address}/list");
    println!("     curl -i -H 'accept: application/json' http://{address}/list");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
