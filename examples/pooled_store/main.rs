//! Limits in a database of PostgreSQL, 12 or later, through a pool of connections: `pooled.rs` beside this file is
//! the store, and `statements.rs` what it asks of the database.
//!
//! `cargo run --example pooled_store`, then follow the lines that it prints. `DATABASE_URL` names the database,
//! and `PORT` picks another port.

mod pooled;
mod statements;

use std::net::SocketAddr;
use std::time::Duration;

use axum::{Router, routing::get};
use pooled::Pooled;
use throttle::backend::Stored;
use throttle::{Settings, registry, throttle};

#[throttle(uid = "orders", rate = "10/min", backend = "postgres")]
async fn orders() -> &'static str {
    "orders\n"
}

async fn interrupted() {
    // If the signal cannot be waited for, the server just goes on until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1/postgres?connect_timeout=5".to_owned());
    let backend = Stored::new(Pooled::new(database.parse()?, 10)).namespace("shop");
    // A database has slow moments: rather a late answer than none.
    let settings = Settings::new().deadline(Duration::from_secs(1));
    let registry = registry().backend_with("postgres", backend, settings).install().await?;

    let app = Router::new().route("/orders", get(orders));
    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("try: curl -i http://{address}/orders    (ten times a minute, at all processes together)");
    println!("     and end it with Ctrl-C");
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(interrupted()).await?;
    registry.close().await?;
    println!("the pool is closed");
    Ok(())
}
