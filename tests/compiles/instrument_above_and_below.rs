use axum::extract::Path;
use axum::{Router, routing::get};
use throttle::{ThrottleError, throttle, throttle_fn};
use tracing::instrument;

#[instrument(ret, err)]
#[throttle(rate = "100/min")]
async fn below(Path(id): Path<u64>) -> Result<String, String> {
    Ok(id.to_string())
}

#[throttle(rate = "100/min")]
#[instrument(skip_all, fields(id))]
async fn above(Path(id): Path<u64>) -> Result<String, String> {
    tracing::Span::current().record("id", id);
    Ok(id.to_string())
}

#[instrument(ret, err)]
#[throttle_fn(rate = "5/s", key = "{to}")]
async fn send(to: &str) -> Result<usize, ThrottleError> {
    Ok(to.len())
}

#[throttle_fn(rate = "5/s", key = "{to}")]
#[instrument]
async fn send_again(to: &str) -> Result<usize, ThrottleError> {
    Ok(to.len())
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/a/{id}", get(below)).route("/b/{id}", get(above));
    drop((send("a"), send_again("a")));
}
