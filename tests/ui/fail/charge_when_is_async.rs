use axum::http::StatusCode;
use axum::{Router, routing::get};
use throttle::throttle;

async fn failed(status: StatusCode) -> bool {
    status.is_client_error()
}

#[throttle(rate = "100/min", charge_when = failed)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
