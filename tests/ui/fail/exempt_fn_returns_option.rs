use axum::{Router, routing::get};
use throttle::throttle;

async fn is_internal() -> Option<()> {
    None
}

#[throttle(rate = "100/min", exempt = is_internal)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
