use axum::extract::State;
use axum::{Router, routing::get};
use throttle::throttle;

type Db = String;
type Plans = String;

async fn tenant(State(plans): State<Plans>) -> String {
    plans
}

#[throttle(rate = "100/min", key = tenant)]
async fn items(State(_): State<Db>, State(_): State<Plans>) -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items)).with_state(String::new());
}
