use throttle::throttle;

#[throttle(rate = "100/min", handler = "busy")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
