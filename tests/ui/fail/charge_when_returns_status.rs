use axum::http::StatusCode;
use axum::{Router, routing::get};
use throttle::throttle;

fn failed(status: StatusCode) -> StatusCode {
    status
}

#[throttle(rate = "100/min", charge_when = failed)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
