use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min", cost = 99999999999999999999)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
