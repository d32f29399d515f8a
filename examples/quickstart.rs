//! The smallest service: `GET /items`, 100 requests per minute and client.
//!
//! `cargo run --example quickstart`, then follow the line that it prints. `PORT` picks another port.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items() -> &'static str {
    "ok\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().route("/items", get(items));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("try: curl -i http://{}/items", listener.local_addr()?);
    // The address of the client is part of the request only if the server is told to pass it on.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
