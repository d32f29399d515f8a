//! Concurrency limits: how many requests of one client may be in flight concurrently, whatever their rate.
//! Shown for a streamed download, for a search that has a rate as well, and for a job that never runs twice
//! concurrently.
//!
//! Run it with `cargo run --example concurrency`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! - `curl -iN http://127.0.0.1:3000/export?rows=50`, in three terminals: the third one: 429, `2 at once are
//!   enough`, `retry-after: 1`
//! - `curl -i http://127.0.0.1:3000/search`: 200 with `RateLimit` headers: 30 per minute, and 4 in flight
//! - `curl -iX POST http://127.0.0.1:3000/cleanup`, in two terminals: the second one: 429

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream::unfold;
use serde::Deserialize;
use throttle::{ThrottleError, Throttled, throttle, throttle_fn};

#[derive(Deserialize)]
struct Export {
    rows: u64,
}

async fn busy(throttled: Throttled) -> (StatusCode, String) {
    let sentence = match throttled.max_concurrent() {
        Some(limit) => format!("{limit} at once are enough\n"),
        None => format!("{throttled}\n"),
    };
    (StatusCode::TOO_MANY_REQUESTS, sentence)
}

/// Sends a row every 100 ms. The request is in flight until the last row is sent, or the client disconnects.
#[throttle(max_concurrent = 2, handler = busy)]
async fn export(Query(export): Query<Export>) -> Body {
    Body::from_stream(unfold(export.rows, |rows| async move {
        let rest = rows.checked_sub(1)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, Infallible>(format!("{rest} more\n")), rest))
    }))
}

/// Both limits apply. A request that is denied by the concurrency limit consumes nothing of the rate.
#[throttle(rate = "30/min", max_concurrent = 4)]
async fn search() -> &'static str {
    "found\n"
}

/// Runs once at a time in the process, whichever request starts it.
#[throttle_fn(max_concurrent = 1)]
async fn cleanup() -> Result<(), ThrottleError> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

async fn clean() -> Response {
    match cleanup().await {
        Ok(()) => "cleaned\n".into_response(),
        Err(ThrottleError::Throttled(throttled)) => throttled.into_response(),
        Err(failed) => (StatusCode::INTERNAL_SERVER_ERROR, failed.to_string()).into_response(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/export", get(export))
        .route("/search", get(search))
        .route("/cleanup", post(clean));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -iN http://{address}/export?rows=50    (in three terminals)");
    println!("     curl -i http://{address}/search             (as fast as you can)");
    println!("     curl -iX POST http://{address}/cleanup      (in two terminals)");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
