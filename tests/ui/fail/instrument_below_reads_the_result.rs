use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
#[tracing::instrument(err)]
async fn items() -> Result<String, String> {
    Ok(String::new())
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
