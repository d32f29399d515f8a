use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Router, routing::get};
use throttle::{ErrorAction, Failure, Rate, ThrottleError, Throttled, throttle, throttle_fn};

#[throttle(
    rate = async |State(limit): State<u64>| Rate::per_minute(limit),
    key = async |headers: HeaderMap| headers.len(),
    cost = || async { 2_u32 },
    exempt = |headers: HeaderMap| async move { headers.is_empty() },
    on_error = |_: Failure| async { ErrorAction::Allow },
    handler = async |throttled: Throttled| throttled.message(),
    state = u64,
)]
async fn items() -> &'static str {
    "ok"
}

#[throttle_fn(rate = "5/s", key = async || "all", cost = || async { 3_u32 }, on_error = async |_: Failure| ErrorAction::Allow)]
async fn send() -> Result<(), ThrottleError> {
    Ok(())
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", get(items)).with_state(3_u64);
    drop(send());
}
