//! One limit for a service that runs several times: the counts are in Redis.
//!
//! `redis-server`, then `cargo run --example redis --features redis` and, in another terminal, the same with
//! `PORT=3001`. `REDIS_URL` names another server.

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
    // Each service has its own namespace, so that a reset of one leaves the others alone.
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
