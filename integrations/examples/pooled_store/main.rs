//! Limits in PostgreSQL 12 or later, through a connection pool. The store is in `pooled.rs` beside this file,
//! and its SQL statements are in `statements.rs`.
//!
//! Run it with `cargo run -p throttle-integrations --example pooled_store`. The environment variable
//! `DATABASE_URL` sets another database than `postgres://postgres@127.0.0.1/postgres?connect_timeout=5`, and
//! `PORT` another port than 3000.
//!
//! ```text
//! $ curl -i http://127.0.0.1:3000/orders
//! HTTP/1.1 200 OK
//! ```
//!
//! All processes together admit ten requests per minute and client. The eleventh receives `429 Too Many
//! Requests`. Ctrl-C ends the server, which then prints `the pool is closed`.

mod pooled;
mod statements;

use std::net::SocketAddr;
use std::time::Duration;

use axum::{Router, routing::get};
use pooled::Pooled;
use throttle::backend::StoreBackend;
use throttle::{Settings, registry, throttle};

#[throttle(uid = "orders", rate = "10/min", backend = "postgres")]
async fn orders() -> &'static str {
    "orders\n"
}

async fn interrupted() {
    // If the signal handler cannot be installed, the server runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = std::env::var("DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1/postgres?connect_timeout=5".to_owned());
    let backend = StoreBackend::new(Pooled::new(database.parse()?, 10)).namespace("shop");
    // A database may be slow for a moment. A late decision is better than none.
    let settings = Settings::new().timeout(Duration::from_secs(1));
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
