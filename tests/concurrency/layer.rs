//! Layers hold the permits of the requests that pass through them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::get as route;
use http_body_util::Full;
use throttle::{ManualClock, Settings, ThrottleLayer};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::common::{get, registry_at, service, status, text};
use crate::gate::{Gate, request, start, status_of};
use crate::{DENIED, OK};

fn limits() -> ThrottleLayer {
    ThrottleLayer::new([
        ("calls", Settings::new().rate("10/min").key(throttle::key::Global)),
        ("at-once", Settings::new().max_concurrent(2).key(throttle::key::Global)),
    ])
}

#[tokio::test]
async fn a_layer_limits_what_is_in_flight_in_a_whole_router() {
    let (registry, gate) = (registry_at(&ManualClock::new()).await, Gate::new());
    let waits = {
        let gate = Arc::clone(&gate);
        move || async move {
            gate.wait().await;
            "ok"
        }
    };
    let router = Router::new().route("/a", route(waits.clone())).route("/b", route(waits));
    let app = service(router.layer(limits()), &registry);
    let held = [start(&app, request("/a")), start(&app, request("/b"))];
    gate.filled(2).await;
    for path in ["/a", "/b"] {
        assert_eq!(status(&app, path).await, DENIED);
    }
    gate.let_go(2);
    let [first, second] = held;
    assert_eq!(status_of(first).await, OK);
    let second = second.await.expect("no panic");
    gate.let_go(3);
    let third = get(&app, "/a").await;
    assert_eq!(status(&app, "/b").await, DENIED, "two bodies are not read yet");
    assert_eq!((text(second).await, text(third).await), ("ok".to_owned(), "ok".to_owned()));
    assert_eq!(status(&app, "/b").await, OK);
    let counts = |uid| registry.get(uid).expect("used").counts();
    assert_eq!((counts("calls").allowed, counts("at-once").denied), (4, 3));
}

#[tokio::test]
async fn a_body_that_is_not_axums_is_out_of_flight_when_the_response_is_made() {
    let (registry, gate) = (registry_at(&ManualClock::new()).await, Gate::new());
    let inner = {
        let gate = Arc::clone(&gate);
        service_fn(move |_: Request<Body>| {
            let gate = Arc::clone(&gate);
            async move {
                gate.wait().await;
                Ok::<_, Infallible>(Response::new(Full::new("ok".to_owned().into_bytes().into())))
            }
        })
    };
    let inner: tower::util::BoxCloneService<Request<Body>, Response<Full<axum::body::Bytes>>, Infallible> =
        tower::util::BoxCloneService::new(inner);
    let limited =
        ThrottleLayer::new([("alone", Settings::new().max_concurrent(1).key(throttle::key::Global))]);
    let limited = limited.layer(inner);
    let call = || {
        let mut request = request("/");
        request.extensions_mut().insert(registry.clone());
        let mut limited = limited.clone();
        async move { limited.ready().await.expect("it is ready").call(request).await.expect("an answer") }
    };
    let held = tokio::spawn(call());
    gate.filled(1).await;
    assert_eq!(call().await.status(), DENIED);
    gate.let_go(2);
    let answer = held.await.expect("no panic");
    assert_eq!((answer.status(), call().await.status()), (OK, OK));
}
