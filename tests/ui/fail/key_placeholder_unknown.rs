use axum::extract::Path;
use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min", key = "{name}")]
async fn item(Path(id): Path<u64>) -> String {
    id.to_string()
}

fn main() {
    let _: Router = Router::new().route("/{id}", get(item));
}
