use axum::extract::State;
use axum::{Router, routing::get};
use throttle::throttle;

#[derive(Clone)]
struct App;

async fn tenant(State(_): State<App>) -> String {
    "tenant".to_owned()
}

#[throttle(rate = "100/min", key = tenant)]
async fn items() -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items)).with_state(App);
}
