use std::convert::Infallible;

use axum::http::{Request, Response};
use throttle::ThrottleLayer;
use tower::{Layer, Service, service_fn};

/// Bytes, but not a body.
struct Text(String);

fn serve<S: Service<Request<()>>>(_: S) {}

fn main() {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Text("ok".to_owned()))));
    serve(ThrottleLayer::new(["search"]).layer(inner));
}
