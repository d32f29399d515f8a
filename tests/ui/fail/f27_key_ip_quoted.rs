use throttle::throttle;

#[throttle(rate = "100/min", key = "ip")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
