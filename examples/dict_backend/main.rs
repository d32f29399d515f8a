//! A custom store in a map, in `dict.rs` beside this file. Every strategy works on it.
//!
//! Run it with `cargo run --example dict_backend`. The environment variable `PORT` sets another port than
//! 3000.
//!
//! - `curl -i http://127.0.0.1:3000/window`, six times in a minute: the sixth: 429
//! - `curl -i http://127.0.0.1:3000/log`, four times: the fourth: 429; ten seconds later, one more is
//!   admitted

mod dict;

use std::net::SocketAddr;

use axum::{Router, routing::get};
use dict::Dict;
use throttle::backend::StoreBackend;
use throttle::strategy::SlidingWindowLog;
use throttle::{registry, throttle};

#[throttle(rate = "5/min", backend = "dict")]
async fn window() -> &'static str {
    "window\n"
}

#[throttle(rate = "3/10s, 4/min", strategy = SlidingWindowLog, backend = "dict")]
async fn log() -> &'static str {
    "log\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let backend = StoreBackend::new(Dict::default()).namespace("shop");
    registry().backend("dict", backend).install().await?;

    let app = Router::new().route("/window", get(window)).route("/log", get(log));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i http://{address}/window    (six times)");
    println!("     curl -i http://{address}/log    (four times, and again after ten seconds)");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
