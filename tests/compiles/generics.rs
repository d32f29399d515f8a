use axum::extract::{FromRequestParts, Path};
use axum::{Router, routing::get};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn by_type<T: DeserializeOwned + Display + Send>(Path(id): Path<T>) -> String {
    id.to_string()
}

#[throttle(rate = "100/min", key = "{id}")]
async fn by_key<T>(Path(id): Path<T>) -> String
where
    T: DeserializeOwned + Display + Send + Sync,
{
    id.to_string()
}

#[throttle(rate = "100/min")]
async fn by_const<const N: usize>() -> String {
    N.to_string()
}

#[throttle(rate = "100/min")]
async fn by_extractor<E>(_: E) -> &'static str
where
    E: FromRequestParts<()> + Send,
{
    "ok"
}

#[throttle(rate = "100/min")]
async fn by_returned<T: Default + axum::response::IntoResponse>() -> T {
    T::default()
}

#[test]
fn compiles() {
    let router = Router::new().route("/a/{id}", get(by_type::<u32>)).route("/b/{id}", get(by_key::<u32>));
    let router = router.route("/c", get(by_const::<3>)).route("/d", get(by_extractor::<axum::http::Method>));
    let _: Router = router.route("/e", get(by_returned::<String>)).route("/f", get(by_type::<String>));
}
