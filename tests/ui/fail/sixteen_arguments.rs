use axum::http::Method;
use axum::{Router, routing::get};
use throttle::throttle;

#[throttle(rate = "100/min")]
#[rustfmt::skip]
async fn items(
    _a: Method, _b: Method, _c: Method, _d: Method, _e: Method, _f: Method, _g: Method, _h: Method,
    _i: Method, _j: Method, _k: Method, _l: Method, _m: Method, _n: Method, _o: Method, _p: Method,
) -> &'static str {
    "ok"
}

fn main() {
    let _: Router = Router::new().route("/", get(items));
}
