use axum::{Router, routing::get};
use throttle::throttle;

use std::time::Duration;

#[throttle(rate = "100/min", strategy = Duration::from_secs(1))]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
