use axum::extract::State;
use axum::{Router, routing::get};
use std::sync::Arc;
use throttle::throttle;

async fn tenant() -> u64 {
    7
}

#[throttle(rate = "100/min", key = tenant)]
async fn shared(State(state): State<Arc<String>>) -> String {
    state.to_string()
}

#[throttle(rate = "100/min", key = tenant)]
async fn by_path(axum::extract::State(state): axum::extract::State<Arc<String>>) -> String {
    state.to_string()
}

#[throttle(rate = "100/min", key = tenant)]
async fn generic<S: Clone + Send + Sync + 'static>(State(_): State<S>) -> &'static str {
    "ok"
}

#[throttle(rate = "100/min", key = tenant)]
async fn none() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let router = Router::new().route("/a", get(shared)).route("/b", get(by_path));
    let router = router.route("/c", get(generic::<Arc<String>>)).route("/d", get(none));
    let _: Router = router.with_state(Arc::default());
}
