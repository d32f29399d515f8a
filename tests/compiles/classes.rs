//! The forms of a class.

use axum::http::{HeaderMap, StatusCode};
use throttle::strategy::{Class, Priority, PriorityQueue, TieredRate};
use throttle::throttle;

async fn plan(headers: HeaderMap) -> Result<String, StatusCode> {
    let plan = headers.get("x-plan").and_then(|plan| plan.to_str().ok());
    plan.map(str::to_owned).ok_or(StatusCode::UNAUTHORIZED)
}

async fn urgency(headers: HeaderMap) -> Priority {
    if headers.contains_key("x-urgent") { Priority::High } else { Priority::Low }
}

const PARTNER: Class = Class::new("partner");

#[throttle(rate = "10/min", strategy = TieredRate::new(), class = plan)]
async fn by_function() {}

#[throttle(rate = "10/min", strategy = PriorityQueue::new(), class = urgency)]
async fn by_priority() {}

#[throttle(rate = "10/min", strategy = TieredRate::new(), class = "premium")]
async fn by_name() {}

#[throttle(rate = "10/min", strategy = TieredRate::new(), class = PARTNER)]
async fn by_constant() {}

#[throttle(rate = "10/min", strategy = PriorityQueue::new(), class = Priority::Critical)]
async fn by_value() {}

#[test]
fn compiles() {
    let _: axum::Router = axum::Router::new()
        .route("/1", axum::routing::get(by_function))
        .route("/2", axum::routing::get(by_priority))
        .route("/3", axum::routing::get(by_name))
        .route("/4", axum::routing::get(by_constant))
        .route("/5", axum::routing::get(by_value));
}
