use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(api)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
