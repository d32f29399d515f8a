use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use throttle::{BackendError, ErrorAction, Failure, Identity, Key, Rate, Rates, throttle};

struct NoKey;

impl IntoResponse for NoKey {
    fn into_response(self) -> Response {
        (StatusCode::UNAUTHORIZED, "send a key").into_response()
    }
}

async fn key(headers: HeaderMap) -> Result<Identity, NoKey> {
    headers.get("x-api-key").map(|key| Identity::Key(Key::new(key.as_bytes()))).ok_or(NoKey)
}

async fn pair() -> Result<(String, u64), StatusCode> {
    Err(StatusCode::FORBIDDEN)
}

async fn price() -> Result<u32, &'static str> {
    Err("no price")
}

async fn plan() -> Result<Rates, Response> {
    Ok(Rate::per_second(1).into())
}

async fn is_internal() -> Result<bool, (StatusCode, String)> {
    Ok(false)
}

async fn policy(failure: Failure) -> Result<ErrorAction, BackendError> {
    Err(failure.error().clone())
}

async fn too_many() -> Result<&'static str, StatusCode> {
    Err(StatusCode::SERVICE_UNAVAILABLE)
}

#[throttle(rate = plan, key = key, cost = price, exempt = is_internal, on_error = policy, handler = too_many)]
async fn items() -> &'static str {
    "ok"
}

#[throttle(rate = plan, key = pair)]
async fn pairs() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", get(items)).route("/pairs", get(pairs));
}
