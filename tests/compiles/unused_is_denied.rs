#![deny(warnings, unused, rust_2018_idioms, unreachable_pub)]

use axum::extract::{Path, State};
use axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};

async fn tenant() -> &'static str {
    "tenant"
}

#[throttle(rate = "10/s", key = tenant, cost = 2, on_error = "raise", headers = "legacy")]
#[throttle(rate = "100/min", key = "{id}")]
async fn item(State(mut state): State<u32>, Path(id): Path<u64>) -> Result<String, String> {
    state += 1;
    if state == 0 {
        return Err("none".to_owned());
    }
    Ok(format!("{id}{state}"))
}

#[throttle(rate = "100/min")]
async fn never() -> ! {
    std::future::pending().await
}

#[throttle(rate = "100/min")]
async fn nothing() {}

#[throttle_fn(rate = "5/s", key = "{to}")]
async fn send(to: &str) -> Result<usize, ThrottleError> {
    Ok(to.len())
}

#[test]
fn compiles() {
    let router = Router::new().route("/{id}", get(item)).route("/never", get(never)).route("/", get(nothing));
    let _: Router = router.with_state(1);
    drop(send("a"));
}
