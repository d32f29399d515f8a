use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/mn")]
async fn items<T: Default + ToString + Send>() -> String {
    T::default().to_string()
}

fn main() {
    let _: Router = Router::new().route("/", get(items::<u32>));
}
