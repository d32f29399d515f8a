use axum::extract::Path;
use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min", key = "{ids}")]
async fn item(Path(ids): Path<Vec<u64>>) -> String {
    format!("{ids:?}")
}

fn main() {
    let _: Router = Router::new().route("/{id}", get(item));
}
