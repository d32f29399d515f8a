//! Handlers that are told of a denial.

use axum::extract::State;
use throttle::{Decision, Decisions, throttle};

#[throttle(rate = "10/s", degrade)]
async fn one(decision: Decision) -> &'static str {
    if decision.is_throttled() { "less" } else { "all" }
}

#[throttle(rate = "10/s", degrade = true)]
#[throttle(rate = "10/min", degrade = false, handler = throttle::problem_json)]
async fn all(State(_): State<u8>, decisions: Decisions) -> String {
    format!("{:?}", decisions.strictest())
}

#[test]
fn compiles() {
    let _: axum::Router<u8> =
        axum::Router::new().route("/", axum::routing::get(one)).route("/all", axum::routing::get(all));
}
