use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate="1/s", only = "/users/:id")]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
