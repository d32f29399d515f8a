use axum::extract::Path;
use throttle::{Decision, throttle};

#[throttle(rate = "100/min", key = "{id}", degrade)]
async fn search(Path(id): Path<u64>, decision: Decision) -> String {
    format!("{id} {decision:?}")
}

fn main() {
    let _ = search;
}
