//! Limits on how many requests of a client are in flight at once, however often they come: a download that lasts as long
//! as somebody reads it, a search that has a rate as well, and a job that runs alone.
//!
//! `cargo run --example concurrency`, then follow the lines that it prints. `PORT` picks another port.

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
use throttle::{Refused, Throttled, throttle, throttle_fn};

#[derive(Deserialize)]
struct Export {
    rows: u64,
}

async fn busy(throttled: Throttled) -> (StatusCode, String) {
    let sentence = match throttled.concurrent() {
        Some(limit) => format!("{limit} at once are enough\n"),
        None => format!("{throttled}\n"),
    };
    (StatusCode::TOO_MANY_REQUESTS, sentence)
}

/// A row every tenth of a second. It is in flight until the last one is sent, or the client is gone.
#[throttle(concurrent = 2, handler = busy)]
async fn export(Query(export): Query<Export>) -> Body {
    Body::from_stream(unfold(export.rows, |rows| async move {
        let rest = rows.checked_sub(1)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, Infallible>(format!("{rest} more\n")), rest))
    }))
}

/// Both hold. Who finds no place takes nothing of the rate.
#[throttle(rate = "30/min", concurrent = 4)]
async fn search() -> &'static str {
    "found\n"
}

/// One at a time in the whole program, whoever asks.
#[throttle_fn(concurrent = 1)]
async fn cleanup() -> Result<(), Refused> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

async fn clean() -> Response {
    match cleanup().await {
        Ok(()) => "cleaned\n".into_response(),
        Err(Refused::Throttled(throttled)) => throttled.into_response(),
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
