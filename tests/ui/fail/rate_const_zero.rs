use axum::{Router, routing::get};
use throttle::throttle;

use throttle::Rate;

#[throttle(rate = Rate::per_minute(0))]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
