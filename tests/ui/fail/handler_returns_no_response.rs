use axum::{Router, routing::get};
use throttle::throttle;

use throttle::Throttled;

struct Page;

async fn too_many(_: Throttled) -> Page {
    Page
}

#[throttle(rate = "100/min", handler = too_many)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
