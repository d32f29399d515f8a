use axum::{Router, routing::get};
use throttle::throttle;

use throttle::{Failure, OnError};

async fn give_up(_: Failure) -> OnError {
    OnError::Allow
}

#[throttle(rate = "100/min", on_error = give_up)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
