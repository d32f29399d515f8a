use axum::extract::State;
use axum::{Router, routing::get};
use throttle::throttle;

#[derive(Clone)]
struct App;

#[derive(Clone)]
struct Plans;

async fn tenant(State(_): State<Plans>) -> String {
    "tenant".to_owned()
}

#[throttle(rate = "100/min", key = tenant)]
async fn items(State(_): State<App>) -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items)).with_state(App);
}
