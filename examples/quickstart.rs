//! The smallest service: `GET /items` admits 100 requests per minute and client.
//!
//! Run it with `cargo run --example quickstart`. The environment variable `PORT` sets another port than 3000.
//!
//! ```text
//! $ curl -i http://127.0.0.1:3000/items
//! HTTP/1.1 200 OK
//! content-type: text/plain; charset=utf-8
//! ratelimit-policy: "items";q=100;w=60
//! ratelimit: "items";r=99;t=7
//! content-length: 3
//!
//! ok
//! ```
//!
//! Here 99 requests are left, and the window ends in 7 seconds. The 101st request of a window receives:
//!
//! ```text
//! HTTP/1.1 429 Too Many Requests
//! content-type: text/plain; charset=utf-8
//! retry-after: 7
//! ratelimit-policy: "items";q=100;w=60
//! ratelimit: "items";r=0;t=7
//! content-length: 38
//!
//! Too many requests. Retry in 7 seconds.
//! ```

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
    // Without `ConnectInfo`, requests do not contain the address of the client, which is the default key.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
