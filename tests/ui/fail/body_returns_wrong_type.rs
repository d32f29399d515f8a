use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items() -> String {
    if true {
        return 3;
    }
    String::new()
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
