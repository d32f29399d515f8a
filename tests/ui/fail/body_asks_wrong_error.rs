use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items() -> Result<String, String> {
    let count: u32 = "3".parse()?;
    Ok(count.to_string())
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
