use axum::{Router, routing::get};
use throttle::throttle;

use axum::Json;

async fn tenant(Json(name): Json<String>) -> String {
    name
}

#[throttle(rate = "100/min", key = tenant)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
