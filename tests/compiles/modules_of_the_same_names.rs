mod throttle {
    pub use ::throttle::*;
}
mod core {}
mod std {}
mod alloc {}
mod axum {}
mod inventory {}

use ::axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};

#[allow(dead_code)]
enum Option {
    Some,
    None,
}

#[allow(dead_code)]
struct Result;

#[throttle(rate = "100/min", key = "{id}")]
async fn items(::axum::extract::Path(id): ::axum::extract::Path<u64>) -> String {
    id.to_string()
}

#[throttle_fn(rate = "5/s")]
async fn send() -> ::core::result::Result<(), ThrottleError> {
    Ok(())
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{id}", get(items));
    drop(send());
}
