//! The compared services: one handler, with and without a limiter.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{process, thread};

use axum::Router;
use axum::routing::get;
use throttle::throttle;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

use crate::machine;
use crate::mark::mark;

/// A service: its name, and its cell and subject in the results.
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) cell: &'static str,
    pub(crate) subject: &'static str,
    /// The target for its rate, as a fraction of the bare service's rate.
    pub(crate) target: Option<f64>,
}

/// The handler without a limiter.
pub(crate) const BARE: &str = "bare";
/// The best-known layer for axum.
pub(crate) const LAYER: &str = "tower_governor";

pub(crate) static MODES: [Mode; 7] = [
    Mode { name: BARE, cell: BARE, subject: BARE, target: None },
    Mode { name: "quiet", cell: "no-headers", subject: "throttle", target: Some(0.97) },
    Mode { name: "headers", cell: "headers", subject: "throttle", target: Some(0.93) },
    Mode { name: "denied", cell: "denied", subject: "throttle", target: Some(0.90) },
    Mode { name: "layer-quiet", cell: "no-headers", subject: LAYER, target: None },
    Mode { name: "layer-headers", cell: "headers", subject: LAYER, target: None },
    Mode { name: "layer-denied", cell: "denied", subject: LAYER, target: None },
];

async fn hello() -> &'static str {
    "Hello, World!"
}

#[throttle(rate = "1000000000/min", headers = "off")]
async fn quiet() -> &'static str {
    "Hello, World!"
}

#[throttle(rate = "1000000000/min")]
async fn headers() -> &'static str {
    "Hello, World!"
}

#[throttle(rate = "1/day")]
async fn denied() -> &'static str {
    "Hello, World!"
}

fn app(mode: &str) -> Option<Router> {
    let layered = |app: Router| match mode {
        "layer-quiet" => {
            let config =
                GovernorConfigBuilder::default().per_nanosecond(1).burst_size(1_000_000_000).finish();
            Some(app.layer(GovernorLayer::new(Arc::new(config?))))
        }
        "layer-headers" => {
            let mut config = GovernorConfigBuilder::default();
            let config = config.per_nanosecond(1).burst_size(1_000_000_000).use_headers().finish();
            Some(app.layer(GovernorLayer::new(Arc::new(config?))))
        }
        "layer-denied" => {
            let hour = Duration::from_hours(1);
            let config = GovernorConfigBuilder::default().period(hour).burst_size(1).finish();
            Some(app.layer(GovernorLayer::new(Arc::new(config?))))
        }
        _ => None,
    };
    match mode {
        BARE => Some(Router::new().route("/", get(hello))),
        "quiet" => Some(Router::new().route("/", get(quiet))),
        "headers" => Some(Router::new().route("/", get(headers))),
        "denied" => Some(Router::new().route("/", get(denied))),
        _ => layered(Router::new().route("/", get(hello))),
    }
}

/// Runs a service on one processor until the process is killed. The first line of output is the port.
pub(crate) fn serve(mode: &str) -> Result<(), Box<dyn Error>> {
    machine::pin(0);
    let app = app(mode).ok_or("no such service")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(listen(app))
}

/// Runs a service in one thread for [`instructions`](crate::instructions), until its input is closed. For
/// each line of input, it calls [`mark`] and prints a line.
pub(crate) fn serve_counted(mode: &str) -> Result<(), Box<dyn Error>> {
    let app = app(mode).ok_or("no such service")?;
    thread::spawn(|| {
        // This thread is not part of the runtime, which serves until the process ends.
        for _ in io::stdin().lines() {
            mark();
            println!();
        }
        process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(listen(app))
}

async fn listen(app: Router) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
