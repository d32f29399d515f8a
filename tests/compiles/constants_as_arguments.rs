use axum::{Router, routing::get};
use std::time::Duration;
use throttle::strategy::{FixedWindow, Gcra};
use throttle::{HeaderPolicy, Headers, OnError, Rate, Rates, throttle};

const PER_MINUTE: u64 = 100;
const LIMITS: Rates = Rates::of(Rate::per_hour(500));
const SMOOTH: Gcra = Gcra::new().burst(5);
const FEW: Headers = Headers::LEGACY.when(HeaderPolicy::Denied);
const COST: u32 = 2 + 3;

mod policies {
    pub static PATIENT: throttle::OnError = throttle::OnError::Throttle(std::time::Duration::from_secs(5));
    pub const EAGER: throttle::OnError = throttle::OnError::Allow;
}

#[throttle(rate = Rate::per_minute(PER_MINUTE * 2), strategy = Gcra::new().burst(5), on_error = OnError::Allow)]
async fn expressions() -> &'static str {
    "ok"
}

#[throttle(rate = LIMITS, strategy = SMOOTH, headers = FEW, cost = COST, on_error = policies::EAGER)]
async fn constants() -> &'static str {
    "ok"
}

#[throttle(
    rate = match Rate::new(10, Duration::from_millis(1_500)) {
        Ok(rate) => rate,
        Err(_) => Rate::UNLIMITED,
    },
    strategy = { FixedWindow },
    cost = 1_000,
    on_error = policies::PATIENT,
    headers = "off",
    dry_run,
    backend = "memory",
    uid = "computed",
)]
async fn computed() -> &'static str {
    "ok"
}

#[throttle(rate = "10/s; 500 per 2 hours, unlimited", dry_run = false, cost = 5u8, key = cookie("session"))]
async fn literals() -> &'static str {
    "ok"
}

#[throttle(rate = r"10/s", key = header("x-api-key"))]
async fn raw_literal() -> &'static str {
    "ok"
}

#[throttle(rate = "10/s", key = global)]
async fn for_all() -> &'static str {
    "ok"
}

#[throttle(rate = "10/s", key = ip)]
async fn for_each() -> &'static str {
    "ok"
}

#[test]
fn compiles() {
    let router =
        Router::new().route("/a", get(expressions)).route("/b", get(constants)).route("/c", get(computed));
    let router = router.route("/d", get(literals)).route("/e", get(raw_literal)).route("/f", get(for_all));
    let _: Router = router.route("/g", get(for_each));
}
