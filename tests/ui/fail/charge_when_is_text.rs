use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min", charge_when = "failed")]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
