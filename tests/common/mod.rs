//! Shared parts of the tests: a service with a registry of its own on a manual clock, and failing backends.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]

#[path = "../../throttle-runtime/src/util/events.rs"]
pub mod events;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use throttle::backend::{Backend, Charge, Memory, Mode, Reply, Verdict};
use throttle::{BackendError, ErrorKind, ManualClock, NowOrLater, Registry, RegistryBuilder, registry};
use tower::ServiceExt;

/// Returns a registry beside the global one, whose memory backend uses the clock.
pub async fn registry_at(clock: &ManualClock) -> Registry {
    declared_at(clock).build().await.expect("a registry")
}

/// Returns the builder of such a registry, for further declarations.
pub fn declared_at(clock: &ManualClock) -> RegistryBuilder {
    registry().backend("memory", Memory::builder().clock(clock.clone()).build())
}

/// Returns a router that uses that registry, called by 192.0.2.1.
pub fn service(router: Router, registry: &Registry) -> Router {
    let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
    router.layer(Extension(registry.clone())).layer(MockConnectInfo(peer))
}

/// Returns a GET request from a peer.
pub fn get_from(peer: [u8; 4], path: &str) -> Request<Body> {
    let peer = axum::extract::ConnectInfo(SocketAddr::from((peer, 4711)));
    Request::get(path).extension(peer).body(Body::empty()).expect("a request")
}

pub async fn send(service: &Router, request: Request<Body>) -> Response {
    service.clone().oneshot(request).await.expect("an answer")
}

pub async fn get(service: &Router, path: &str) -> Response {
    send(service, Request::get(path).body(Body::empty()).expect("a request")).await
}

pub async fn status(service: &Router, path: &str) -> StatusCode {
    get(service, path).await.status()
}

pub async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().expect("text").to_owned())
}

/// Returns the number in a header, or `None` if the header is missing.
pub fn number(response: &Response, name: &str) -> Option<u64> {
    header(response, name).map(|value| value.parse().expect("a whole number"))
}

/// A backend that always fails, and counts its calls.
#[derive(Debug, Clone, Default)]
pub struct Broken {
    pub calls: Arc<AtomicUsize>,
    pub hangs: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
pub struct ThrottleError;

impl Broken {
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn fail<'a, T: Send + 'a>(&'a self) -> Reply<'a, T> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.hangs {
            return NowOrLater::later(std::future::pending());
        }
        NowOrLater::now(Err(BackendError::with_source(
            ErrorKind::Connection,
            "the store is gone",
            ThrottleError,
        )))
    }
}

impl Backend for Broken {
    fn decide<'a>(&'a self, _: &'a [Charge<'a>], _: Mode) -> Reply<'a, Verdict> {
        self.fail()
    }

    fn refund<'a>(&'a self, _: &'a [Charge<'a>], _: u64) -> Reply<'a, ()> {
        self.fail()
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.fail()
    }
}

/// A memory backend that counts how often it decides, is initialized and is closed.
#[derive(Debug, Clone)]
pub struct Counted {
    pub memory: Arc<Memory>,
    pub decided: Arc<AtomicUsize>,
    pub initialized: Arc<AtomicUsize>,
    pub closed: Arc<AtomicUsize>,
}

impl Default for Counted {
    /// Its clock stands still, so that no window begins during a test.
    fn default() -> Self {
        let memory = Arc::new(Memory::builder().clock(ManualClock::new()).build());
        Self { memory, decided: Arc::default(), initialized: Arc::default(), closed: Arc::default() }
    }
}

impl Backend for Counted {
    fn decide<'a>(&'a self, charges: &'a [Charge<'a>], mode: Mode) -> Reply<'a, Verdict> {
        self.decided.fetch_add(1, Ordering::SeqCst);
        self.memory.decide(charges, mode)
    }

    fn refund<'a>(&'a self, charges: &'a [Charge<'a>], at: u64) -> Reply<'a, ()> {
        self.memory.refund(charges, at)
    }

    fn initialize(&self) -> Reply<'_, ()> {
        self.initialized.fetch_add(1, Ordering::SeqCst);
        NowOrLater::now(Ok(()))
    }

    fn reset(&self) -> Reply<'_, ()> {
        self.memory.reset()
    }

    fn close(&self) -> Reply<'_, ()> {
        self.closed.fetch_add(1, Ordering::SeqCst);
        NowOrLater::now(Ok(()))
    }
}

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
