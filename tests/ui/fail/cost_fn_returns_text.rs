use axum::{Router, routing::get};
use throttle::throttle;

async fn price() -> &'static str {
    "5"
}

#[throttle(rate = "100/min", cost = price)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
