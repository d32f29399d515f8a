use axum::extract::Path;
use axum::http::HeaderMap;
use axum::{Router, routing::get};
use throttle::strategy::Gcra;
use throttle::{ThrottleError, throttle, throttle_fn};

async fn tenant(headers: HeaderMap) -> usize {
    headers.len()
}

#[throttle(rate = "10/s")]
#[throttle(rate = "1000/hour", key = tenant, strategy = Gcra::new().burst(5))]
/// Attributes may stand between.
#[throttle(uid = "per-item", rate = "100/min", key = "{id}")]
async fn item(Path(id): Path<u64>) -> String {
    id.to_string()
}

#[throttle_fn(rate = "5/s", key = "{to}")]
#[throttle_fn(rate = "1000/day")]
async fn send(to: &str) -> Result<usize, ThrottleError> {
    Ok(to.len())
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{id}", get(item));
    drop(send("a"));
}
