use axum::{Router, routing::get};
use throttle::throttle;

struct Api;

impl Api {
    #[throttle(rate = "100/mn")]
    async fn items() -> &'static str {
        "ok"
    }
}

fn main() {
    let _: Router = Router::new().route("/", get(Api::items));
}
