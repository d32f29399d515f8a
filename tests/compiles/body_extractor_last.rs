use axum::body::Bytes;
use axum::extract::{Path, Query, Request};
use axum::{Json, Router, routing::post};
use std::collections::HashMap;
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn json(
    Path(id): Path<u64>,
    Query(query): Query<HashMap<String, String>>,
    Json(body): Json<String>,
) -> String {
    format!("{id}{query:?}{body}")
}

#[throttle(rate = "100/min")]
async fn bytes(body: Bytes) -> Bytes {
    body
}

#[throttle(rate = "100/min", key = "{method}")]
async fn request(method: axum::http::Method, request: Request) -> String {
    format!("{method}{request:?}")
}

#[test]
fn compiles() {
    let _: Router =
        Router::new().route("/{id}", post(json)).route("/a", post(bytes)).route("/b", post(request));
}
