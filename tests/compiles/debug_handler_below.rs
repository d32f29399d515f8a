use axum::extract::{Path, State};
use axum::{Json, Router, routing::post};
use throttle::throttle;

#[throttle(rate = "100/min", key = "{id}")]
#[axum::debug_handler]
async fn item(State(_): State<u32>, Path(id): Path<u64>, Json(body): Json<String>) -> Result<String, String> {
    Ok(format!("{id}{body}"))
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/{id}", post(item)).with_state(3_u32);
}
