use axum::{Router, response::IntoResponse, response::Response, routing::get};
use throttle::throttle;

struct Failed;

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        "failed".into_response()
    }
}

#[throttle(rate = "100/min")]
async fn items() -> Result<String, Failed> {
    let count: u32 = "3".parse()?;
    Ok(count.to_string())
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
