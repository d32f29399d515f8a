use throttle::throttle;

#[throttle(rate = "100/min", strategy = throttle::strategy::TokenBucket::new().burst(0))]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
