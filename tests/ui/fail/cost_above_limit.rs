use throttle::throttle;

#[throttle(rate = "100/min, 10/s", cost = 11)]
async fn handler() -> &'static str {
    "ok"
}

fn main() {}
