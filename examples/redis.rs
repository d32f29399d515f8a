//! One limit for several processes: the counters are in Redis.
//!
//! Start `redis-server`, then `cargo run --example redis --features redis`. Start it again with `PORT=3001`
//! in another terminal. The environment variable `REDIS_URL` sets another server than
//! `redis://127.0.0.1:6379`.
//!
//! ```text
//! $ curl -i http://127.0.0.1:3000/shared
//! HTTP/1.1 200 OK
//! ```
//!
//! The two processes together admit ten requests per minute and client. Any further request receives `429 Too
//! Many Requests`.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use throttle::backend::Redis;
use throttle::{Settings, registry, throttle};

#[throttle(uid = "shared", rate = "10/min")]
async fn shared() -> &'static str {
    "ok\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    // Each service has its own namespace, so that a reset of one service does not affect the others.
    let redis = Redis::builder(&url).namespace("example").build()?;
    registry().backend("redis", redis).defaults(Settings::new().backend("redis")).install().await?;

    let app = Router::new().route("/shared", get(shared));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!(
        "try: curl -i http://{}/shared    (ten times a minute, at all processes together)",
        listener.local_addr()?
    );
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
