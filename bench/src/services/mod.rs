//! The compared services: one handler, with and without a limiter.

mod handlers;
#[cfg(feature = "peers")]
mod peers;

use std::error::Error;
use std::net::SocketAddr;
use std::{io, process, thread};

use axum::Router;

use crate::mark::mark;
use crate::report::{OUR_LAYER, OURS};

/// A service, and a request to it.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The cell and the subject in the results.
    pub(crate) cell: &'static str,
    pub(crate) subject: &'static str,
    /// The service without a limiter that receives the same request.
    pub(crate) bare: &'static str,
    pub(crate) path: &'static str,
    /// A header line of the request, with its line break.
    pub(crate) header: &'static str,
    /// The target for its rate, as a fraction of the bare service's rate.
    pub(crate) target: Option<f64>,
    /// The target for the instructions of a request, in addition to the bare service's.
    pub(crate) added: Option<f64>,
}

impl Service {
    const fn new(name: &'static str, cell: &'static str, subject: &'static str) -> Self {
        Self { name, cell, subject, bare: BARE, path: "/", header: "", target: None, added: None }
    }

    const fn bare(name: &'static str, cell: &'static str) -> Self {
        Self { bare: name, ..Self::new(name, cell, BARE) }
    }

    const fn with_targets(self, rate: f64, instructions: f64) -> Self {
        Self { target: Some(rate), added: Some(instructions), ..self }
    }

    const fn with_api_key(self) -> Self {
        Self { bare: "bare-api-key", header: "x-api-key: 8f14e45fceea167a\r\n", ..self }
    }

    const fn with_path(self) -> Self {
        Self { bare: "bare-path", path: "/orders/4711", ..self }
    }

    const fn of_messages(self) -> Self {
        Self { bare: "bare-message", path: "/messages", ..self }
    }

    /// Whether the requests are messages of a WebSocket.
    pub(crate) fn is_socket(&self) -> bool {
        self.path == "/messages"
    }

    /// Whether the `http` benchmark compares its rate.
    pub(crate) fn is_timed(&self) -> bool {
        self.bare == BARE && [BARE, "no-headers", "headers", DENIED].contains(&self.cell)
    }
}

/// The handler without a limiter.
pub(crate) const BARE: &str = "bare";
/// The cell of services that deny.
pub(crate) const DENIED: &str = "denied";
/// The best-known layer for axum.
pub(crate) const LAYER: &str = "tower_governor";

pub(crate) static SERVICES: &[Service] = &[
    Service::bare(BARE, BARE),
    Service::bare("bare-api-key", "bare-api-key").with_api_key(),
    Service::bare("bare-path", "bare-path").with_path(),
    Service::bare("bare-message", "bare-message").of_messages(),
    Service::new("quiet", "no-headers", OURS).with_targets(0.97, 800.0),
    Service::new("headers", "headers", OURS).with_targets(0.93, 2_000.0),
    Service::new("denied", DENIED, OURS).with_targets(0.93, 1_500.0),
    Service::new("twice", "two-throttles", OURS),
    Service::new("header-key", "header-key", OURS).with_api_key(),
    Service::new("template-key", "template-key", OURS).with_path(),
    Service::new("concurrent", "max-concurrent", OURS),
    Service::new("message", "message", OURS).of_messages(),
    Service::new("our-layer-quiet", "no-headers", OUR_LAYER),
    Service::new("our-layer-headers", "headers", OUR_LAYER),
    Service::new("our-layer-denied", DENIED, OUR_LAYER),
    #[cfg(feature = "peers")]
    Service::new("tower_governor-quiet", "no-headers", LAYER),
    #[cfg(feature = "peers")]
    Service::new("tower_governor-headers", "headers", LAYER),
    #[cfg(feature = "peers")]
    Service::new("tower_governor-denied", DENIED, LAYER),
    #[cfg(feature = "peers")]
    Service::new("axum-governor-headers", "headers", "axum-governor"),
    #[cfg(feature = "peers")]
    Service::new("axum-governor-denied", DENIED, "axum-governor"),
    #[cfg(feature = "peers")]
    Service::new("axum-governor-header-key", "header-key", "axum-governor").with_api_key(),
    #[cfg(feature = "peers")]
    Service { bare: "bare-axum-0.7", ..Service::new("axum_gcra-quiet", "no-headers", "axum_gcra") },
    #[cfg(feature = "peers")]
    Service { bare: "bare-axum-0.7", ..Service::new("axum_gcra-denied", DENIED, "axum_gcra") },
    // axum_gcra needs this version of axum.
    #[cfg(feature = "peers")]
    Service::bare("bare-axum-0.7", "bare-axum-0.7"),
];

/// Returns the service with this name.
pub(crate) fn named(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

fn app(name: &str) -> Option<Router> {
    let ours = handlers::app(name);
    #[cfg(feature = "peers")]
    let ours = ours.or_else(|| peers::app(name));
    ours
}

/// Serves until the process ends. The first line of output is the port.
pub(crate) async fn listen(name: &str) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    match app(name) {
        Some(app) => {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
            Ok(())
        }
        #[cfg(feature = "peers")]
        None => peers::serve_older(name, listener).await,
        #[cfg(not(feature = "peers"))]
        None => Err("no such service".into()),
    }
}

/// Runs a service in one thread for [`instructions`](crate::instructions), until its input is closed. For
/// each line of input, it calls [`mark`] and prints a line.
pub(crate) fn serve_counted(name: &str) -> Result<(), Box<dyn Error>> {
    thread::spawn(|| {
        // This thread is not part of the runtime, which serves until the process ends.
        for _ in io::stdin().lines() {
            mark();
            println!();
        }
        process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(listen(name))
}
