//! The attributes without a prelude, in the newest edition: that it compiles is the test.

#![no_implicit_prelude]
#![forbid(unsafe_code)]

use ::axum::extract::{Path, State};
use ::axum::{Router, routing::get};
use ::std::result::Result;
use ::std::string::{String, ToString};
use ::throttle::{ThrottleError, throttle, throttle_fn};

async fn plan(State(limit): State<u64>) -> ::throttle::Rate {
    ::std::future::ready(::throttle::Rate::per_hour(limit)).await
}

#[throttle(rate = plan, key = global, on_error = "raise", headers = "legacy")]
async fn items(State(_): State<u64>) -> &'static str {
    ::std::future::ready("ok").await
}

#[throttle(rate = "10/s", cost = 2, strategy = ::throttle::strategy::Gcra::new().burst(5))]
#[throttle(rate = "1/hour", key = "{id}")]
async fn r#gen(Path(id): Path<u64>) -> Result<String, &'static str> {
    ::std::future::ready(Result::Ok(id.to_string())).await
}

#[throttle(rate = "1/hour")]
async fn never() -> ! {
    ::std::future::pending().await
}

/// Says how long the name of the addressee is, once an hour for each.
///
/// # Errors
///
/// If this hour's mail to the addressee is out.
#[throttle_fn(rate = "1/hour", key = "{to}")]
pub async fn send(to: &str) -> Result<usize, ThrottleError> {
    Result::Ok(::std::future::ready(to.len()).await)
}

/// All handlers.
pub fn router() -> Router {
    let router = Router::new().route("/items", get(items)).route("/items/{id}", get(r#gen));
    router.route("/never", get(never)).with_state(1)
}
