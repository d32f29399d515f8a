use axum::{Router, routing::get};

mod limits {
    pub use throttle as engine;
}

#[limits::engine::throttle(crate = crate::crate_path::limits::engine, rate = "100/min")]
async fn below_the_crate() -> &'static str {
    "ok"
}

#[throttle::throttle(crate = ::throttle, rate = "100/min")]
async fn absolute() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let _: Router = Router::new().route("/", get(below_the_crate)).route("/a", get(absolute));
}
