use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse};
use axum::{Router, routing::get};
use throttle::{ErrorAction, Failure, Rate, Throttled, throttle};

#[derive(Clone)]
struct App {
    limit: u64,
}

async fn tenant(State(app): State<App>, headers: HeaderMap) -> String {
    format!("{}{}", app.limit, headers.len())
}

async fn price(State(app): State<App>) -> u64 {
    app.limit / 10
}

async fn plan(State(app): State<App>) -> Rate {
    Rate::per_minute(app.limit)
}

async fn is_internal(headers: HeaderMap) -> bool {
    headers.contains_key("x-internal")
}

async fn carry_on(_: Failure, State(_): State<App>) -> ErrorAction {
    ErrorAction::Allow
}

async fn too_many(throttled: Throttled, State(app): State<App>) -> impl IntoResponse {
    Html(format!("{} of {}", throttled.uid(), app.limit))
}

#[throttle(rate = plan, key = tenant, cost = price, exempt = is_internal, on_error = carry_on, handler = too_many)]
async fn items(State(app): State<App>) -> String {
    app.limit.to_string()
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", get(items)).with_state(App { limit: 100 });
}
