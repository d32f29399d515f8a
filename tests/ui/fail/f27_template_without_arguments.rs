use throttle::throttle;

#[throttle(rate = "100/min", key = "{user}")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
