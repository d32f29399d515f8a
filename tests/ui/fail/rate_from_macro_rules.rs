use axum::{Router, routing::get};
use throttle::throttle;

macro_rules! handler {
    ($rate:literal) => {
        #[throttle(rate = $rate)]
        async fn items() -> &'static str {
            "ok"
        }
    };
}

handler!("100/mn");

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
