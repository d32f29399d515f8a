use throttle::{StaticThrottle, throttle};

#[throttle(rate = "10/hour")]
static EXPORTS: StaticThrottle;

#[throttle(EXPORTS, cost = 2, rate = "5/s")]
async fn items() -> &'static str {
    "ok"
}

#[throttle(EXPORTS, headers = "off")]
async fn others() -> &'static str {
    "ok"
}

fn main() {}
