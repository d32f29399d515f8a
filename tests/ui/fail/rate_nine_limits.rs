use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "1/s, 2/s, 3/s, 4/s, 5/s, 6/s, 7/s, 8/s, 9/s")]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
