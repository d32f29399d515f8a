use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min and no more")]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
