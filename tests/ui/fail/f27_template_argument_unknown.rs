use axum::extract::Path;
use throttle::throttle;

#[throttle(rate = "100/min", key = "{org}/{user}")]
async fn items(Path((org, id)): Path<(String, u64)>) -> String {
    format!("{org}{id}")
}

fn main() {}
