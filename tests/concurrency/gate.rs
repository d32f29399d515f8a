//! Requests that are in flight until the test releases them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::{body::Body, response::Response};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::common::send;

/// A gate at which requests wait.
pub(crate) struct Gate {
    inside: Semaphore,
    open: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inside: Semaphore::new(0), open: Semaphore::new(0) })
    }

    /// The work of a request in flight.
    pub(crate) async fn wait(&self) {
        self.inside.add_permits(1);
        soon(self.open.acquire()).await.expect("a gate").forget();
    }

    /// Waits until this many more requests are in flight.
    pub(crate) async fn filled(&self, requests: u32) {
        soon(self.inside.acquire_many(requests)).await.expect("a gate").forget();
    }

    /// Returns whether no request has arrived that was not seen.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inside.available_permits() == 0
    }

    /// Releases this many requests.
    pub(crate) fn let_go(&self, requests: usize) {
        self.open.add_permits(requests);
    }
}

/// Nothing here takes long, unless something is wrong.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10), future).await.expect("it never happened")
}

/// Starts a request.
pub(crate) fn start(app: &Router, request: Request<Body>) -> JoinHandle<Response> {
    let app = app.clone();
    tokio::spawn(async move { send(&app, request).await })
}

pub(crate) fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

pub(crate) async fn status_of(started: JoinHandle<Response>) -> StatusCode {
    started.await.expect("no panic").status()
}

/// Waits for something that happens in the background.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut is: impl FnMut() -> F) {
    soon(async {
        while !is().await {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
