use axum::{Router, routing::get};
use throttle::throttle;

struct App;

#[throttle(rate = "100/min", state = App)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
