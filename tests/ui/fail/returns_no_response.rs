use axum::{Router, routing::get};
use throttle::throttle;

struct Page;

#[throttle(rate = "100/min")]
async fn items() -> Page {
    Page
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
