use throttle::throttle;

#[throttle(rate = "100/min", strategy = TokenBucket::new())]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
