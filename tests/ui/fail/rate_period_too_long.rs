use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "5/40000 days")]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
