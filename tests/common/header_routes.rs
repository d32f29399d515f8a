//! Handlers whose `RateLimit` headers differ in names, numbers and lists. Two tests read these headers: one compares
//! bytes, the other uses an independent parser.

#![allow(unreachable_pub, reason = "two tests use it")]

use axum::{Router, routing::get as route};
use throttle::strategy::Gcra;
use throttle::{Headers, throttle};

#[throttle(uid = "plain", rate = "3/min")]
async fn plain() {}

#[throttle(uid = "a \"quoted\" \\ näme", rate = "10/s, 500/hour")]
async fn several() {}

#[throttle(uid = "bare", rate = "1/min", headers = Headers::DRAFT_11.policy(false).retry_after(false))]
async fn bare() {}

#[throttle(uid = "fine", rate = "7/1500ms, 9/90s")]
async fn fine() {}

#[throttle(uid = "gcra", rate = "10/min", strategy = Gcra::new().burst(3))]
async fn gcra() {}

#[throttle(uid = "huge", rate = "18446744073709551615/s")]
async fn huge() {}

/// Returns a router with these handlers. The path of each handler is its name.
pub fn routes() -> Router {
    Router::new()
        .route("/plain", route(plain))
        .route("/several", route(several))
        .route("/bare", route(bare))
        .route("/fine", route(fine))
        .route("/gcra", route(gcra))
        .route("/huge", route(huge))
}
