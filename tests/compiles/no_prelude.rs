#![no_implicit_prelude]

use ::axum::{Router, routing::get};
use ::throttle::{ThrottleError, throttle, throttle_fn};

#[throttle(rate = "10/s, 100/min", cost = 2, on_error = "allow", headers = "legacy")]
async fn items() -> &'static str {
    "ok"
}

#[throttle(rate = "100/min", key = "{id}")]
async fn item(::axum::extract::Path(id): ::axum::extract::Path<u64>) -> ::std::string::String {
    ::std::string::ToString::to_string(&id)
}

#[throttle_fn(rate = "5/s", key = "{to}")]
async fn send(to: &str) -> ::std::result::Result<usize, ThrottleError> {
    ::std::result::Result::Ok(to.len())
}

#[::core::prelude::v1::test]
fn compiles() {
    let _: Router = Router::new().route("/", get(items)).route("/{id}", get(item));
    ::std::mem::drop(send("a"));
}
