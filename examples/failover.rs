//! Failover: a limit in Redis that still applies while Redis is unreachable. Meanwhile, the process counts in
//! memory.
//!
//! Start `redis-server`, then `cargo run --example failover --features redis`. The environment variable
//! `REDIS_URL` sets another server than `redis://127.0.0.1:6379`, and `PORT` another port than 3000.
//!
//! - `curl -i http://127.0.0.1:3000/api`: 200, with and without Redis; 429 above the limit
//! - `curl http://127.0.0.1:3000/status`: the state of the breaker, and the numbers of decisions
//!
//! Stop and start Redis. The program prints each transition of the circuit breaker.

use std::net::SocketAddr;
use std::time::Duration;

use axum::{Router, routing::get};
use throttle::backend::Redis;
use throttle::strategy::TokenBucket;
use throttle::{CircuitBreaker, Registry, Settings, breaker::Transition, failover, registry, throttle};

/// Admits 5 requests per second, and bursts of 50.
#[throttle(uid = "api", rate = "5/s", strategy = TokenBucket::new().burst(50))]
async fn api() -> &'static str {
    "ok\n"
}

/// Opens after three consecutive failures. One second later, a single request probes whether Redis is back.
const BREAKER: CircuitBreaker = CircuitBreaker::new()
    .failure_threshold(3)
    .recovery_timeout(Duration::from_secs(1))
    .success_threshold(1)
    .on_transition(say);

fn say(change: &Transition) {
    println!("the breaker was {} and is {}", change.from, change.to);
}

async fn status() -> String {
    let registry = Registry::current();
    let counts = registry.get("api").map(|throttle| throttle.counts()).unwrap_or_default();
    let breakers = registry.breakers();
    let state = breakers.first().map_or("unknown", |breaker| breaker.snapshot().state.name());
    format!(
        "breaker {state}, allowed {}, denied {}, of these {} after a failure and {} without asking Redis\n",
        counts.allowed, counts.denied, counts.fallback, counts.breaker_open
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    registry()
        .backend("redis", Redis::builder(&url).namespace("failover").build()?)
        .defaults(Settings::new().backend("redis").on_error(failover("memory", BREAKER)))
        .require_backends(false) // starts even if Redis is unreachable
        .install()
        .await?;

    let app = Router::new().route("/api", get(api)).route("/status", get(status));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!(
        "try: curl -i http://{address}/api    (and http://{address}/status, while Redis comes and goes)"
    );
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
