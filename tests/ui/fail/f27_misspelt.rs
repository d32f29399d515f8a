use throttle::throttle;

#[throttle(rate = "100/min", strategie = throttle::strategy::FixedWindow)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
