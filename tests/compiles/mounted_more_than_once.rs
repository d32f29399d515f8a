use axum::handler::Handler;
use axum::{Extension, Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let router: Router = Router::new().route("/a", get(items).post(items)).route("/b", get(items));
    let layered = Router::new().route("/c", get(items.layer(Extension(1_u8))));
    let _: Router = router.nest("/d", layered).fallback(items);
}
