#![forbid(unsafe_code)]

use axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};

#[throttle(rate = "100/min")]
async fn items() -> &'static str {
    "ok"
}

#[throttle_fn(rate = "5/s")]
async fn send() -> Result<(), ThrottleError> {
    Ok(())
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", get(items));
    drop(send());
}
