use throttle::throttle;

#[throttle(rate = "100/min", strategy = "token_bucket")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
