use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(cost = 2, API)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
