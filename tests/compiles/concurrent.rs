//! A limit on what is in flight: alone, beside a rate, by a constant, on handlers and other functions.

#![deny(warnings, clippy::pedantic)]

use axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};

const EXPORTS: u32 = 2;

#[throttle(max_concurrent = 10)]
async fn items() -> &'static str {
    "ok"
}

#[throttle(rate = "100/min", max_concurrent = EXPORTS)]
#[throttle(uid = "all", max_concurrent = EXPORTS * 10, key = global)]
async fn export() -> Result<String, std::convert::Infallible> {
    Ok(String::new())
}

#[throttle_fn(max_concurrent = 1, key = "{name}")]
async fn job(name: &str) -> Result<usize, ThrottleError> {
    Ok(name.len())
}

fn is_send(_: impl Send) {}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", get(items)).route("/export", get(export));
    is_send(job("a"));
}
