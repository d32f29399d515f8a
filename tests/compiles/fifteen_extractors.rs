use axum::http::Method;
use axum::{Json, Router, routing::post};
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items(
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    _: Method,
    Json(body): Json<String>,
) -> String {
    body
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", post(items));
}
