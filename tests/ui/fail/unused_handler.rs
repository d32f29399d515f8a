#![deny(dead_code)]

use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
