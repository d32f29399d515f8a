use axum::{Router, routing::get};
use throttle::throttle;

fn tenant() -> String {
    "tenant".to_owned()
}

#[throttle(rate = "100/min", key = tenant)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
