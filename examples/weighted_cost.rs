//! Requests with different costs: by a query parameter, by the size of the body, or a constant.
//!
//! Run it with `cargo run --example weighted_cost`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! | request | cost | response |
//! |---|---|---|
//! | `curl -i 'http://127.0.0.1:3000/export?rows=4000'` | 5 of 10 per minute | 200; the third: 429 |
//! | `curl -i 'http://127.0.0.1:3000/export?rows=20000'` | 21 | 429 without `Retry-After`: no wait helps |
//! | `curl -i -d 'a small body' http://127.0.0.1:3000/upload` | 1 of 64 per minute | 200 |
//! | `curl -i http://127.0.0.1:3000/report` | 5 of 10 per minute | 200; the third: 429 |

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use serde::Deserialize;
use throttle::throttle;

#[derive(Deserialize)]
struct Export {
    #[serde(default)]
    rows: u64,
}

/// Returns one unit per 1,000 rows, and one for the request itself. A cost of 0 would mean that an empty
/// export is not limited.
async fn export_cost(Query(export): Query<Export>) -> u64 {
    1 + export.rows / 1_000
}

/// An export that costs more than the whole limit receives 429 without `Retry-After`, because no wait would
/// help.
#[throttle(uid = "export", rate = "10/min", cost = export_cost)]
async fn export(Query(export): Query<Export>) -> String {
    format!("{} rows\n", export.rows)
}

/// Returns one unit per started KiB. The cost is read from the header, so a body that exceeds the limit is
/// never read.
async fn upload_cost(headers: HeaderMap) -> Result<u64, StatusCode> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    Ok(length.ok_or(StatusCode::LENGTH_REQUIRED)?.div_ceil(1_024).max(1))
}

#[throttle(uid = "upload", rate = "64/min", cost = upload_cost)]
async fn upload(body: Bytes) -> String {
    format!("{} bytes\n", body.len())
}

#[throttle(uid = "report", rate = "10/min", cost = 5)]
async fn report() -> &'static str {
    "two of these a minute\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/export", get(export))
        .route("/upload", post(upload).layer(DefaultBodyLimit::max(64 * 1_024)))
        .route("/report", get(report));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i 'http://{address}/export?rows=4000'    (twice fits, 20000 never does)");
    println!("     curl -i -d 'a small body' http://{address}/upload");
    println!("     curl -i http://{address}/report");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
