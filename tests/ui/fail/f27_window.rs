use throttle::throttle;

#[throttle(rate = "100/min", window = 60)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
