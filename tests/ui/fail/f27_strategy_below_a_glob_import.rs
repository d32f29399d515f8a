use throttle::*;

#[throttle(rate = "100/min", strategy = FixedWindow)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
