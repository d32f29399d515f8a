use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use std::num::ParseIntError;
use throttle::throttle;

enum AppError {
    Number(ParseIntError),
}

impl From<ParseIntError> for AppError {
    fn from(error: ParseIntError) -> Self {
        Self::Number(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let Self::Number(error) = self;
        (StatusCode::BAD_REQUEST, error.to_string()).into_response()
    }
}

#[throttle(rate = "100/min")]
async fn nothing() {}

#[throttle(rate = "100/min")]
async fn never() -> ! {
    loop {
        tokio::task::yield_now().await;
    }
}

#[throttle(rate = "100/min")]
async fn opaque() -> impl IntoResponse {
    (StatusCode::CREATED, "ok")
}

#[throttle(rate = "100/min")]
async fn asks() -> Result<String, AppError> {
    let number: u32 = "7".parse()?;
    Ok(number.to_string())
}

#[throttle(rate = "100/min")]
async fn asks_opaque() -> Result<impl IntoResponse, AppError> {
    let number: u32 = "7".parse()?;
    Ok(Json(number))
}

#[throttle(rate = "100/min")]
async fn opaque_parts() -> (StatusCode, [(&'static str, &'static str); 1], impl IntoResponse) {
    (StatusCode::OK, [("x-a", "b")], "ok")
}

#[throttle(rate = "100/min")]
async fn returns_early() -> Result<&'static str, StatusCode> {
    if std::env::args().count() > 99 {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok("ok")
}

#[throttle(rate = "100/min")]
async fn response() -> Response {
    ().into_response()
}

#[test]
fn compiles() {
    let router = Router::new().route("/a", get(nothing)).route("/b", get(never)).route("/c", get(opaque));
    let router = router.route("/d", get(asks)).route("/e", get(asks_opaque)).route("/f", get(opaque_parts));
    let _: Router = router.route("/g", get(returns_early)).route("/h", get(response));
}
