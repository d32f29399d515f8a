//! Requests that are in flight until the test lets them go.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::{body::Body, response::Response};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::common::send;

/// Where requests wait.
pub(crate) struct Gate {
    inside: Semaphore,
    open: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inside: Semaphore::new(0), open: Semaphore::new(0) })
    }

    /// What a request does that is in flight.
    pub(crate) async fn wait(&self) {
        self.inside.add_permits(1);
        soon(self.open.acquire()).await.expect("a gate").forget();
    }

    /// Until so many more are in flight.
    pub(crate) async fn filled(&self, requests: u32) {
        soon(self.inside.acquire_many(requests)).await.expect("a gate").forget();
    }

    /// Nobody has come in that was not seen.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inside.available_permits() == 0
    }

    /// Lets so many go.
    pub(crate) fn let_go(&self, requests: usize) {
        self.open.add_permits(requests);
    }
}

/// Nothing here takes long, unless something is wrong.
async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10), future).await.expect("it never happened")
}

/// A request that is under way.
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

/// Waits for something that happens behind the back of the test.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut is: impl FnMut() -> F) {
    soon(async {
        while !is().await {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
