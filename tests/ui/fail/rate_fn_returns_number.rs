use axum::{Router, routing::get};
use throttle::throttle;

async fn plan() -> u32 {
    100
}

#[throttle(rate = plan)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
