use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate="1/s", charge_when = throttle::outcome::failed())]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
