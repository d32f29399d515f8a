use throttle::throttle;

#[throttle(rate = "100/min", key = "global")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
