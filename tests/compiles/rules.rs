//! Rules of every kind in the attribute.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::get;
use throttle::{Rule, throttle};

#[derive(Clone)]
struct App;

const API: Rule = Rule::path("/api/**").method(Method::GET).method(Method::HEAD);

async fn is_staff(State(_): State<App>, _: HeaderMap) -> Result<bool, StatusCode> {
    Ok(true)
}

#[throttle(rate = "1/s", only = "/api/*", bypass = API)]
async fn texts_and_constants() {}

#[throttle(rate = "1/s", only = [API, "/x", Rule::any().method(Method::POST)], bypass = [is_staff, API.when(is_staff)])]
async fn several(State(_): State<App>) {}

#[throttle(rate = "1/s", bypass = is_staff, state = App)]
async fn functions() {}

#[test]
fn compiles() {
    let _: axum::Router = axum::Router::new()
        .route("/a", get(texts_and_constants))
        .route("/b", get(several))
        .route("/c", get(functions))
        .with_state(App);
}
