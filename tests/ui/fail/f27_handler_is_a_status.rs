use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate="1/s", handler = axum::http::StatusCode::TOO_MANY_REQUESTS)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
