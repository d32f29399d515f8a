use throttle::throttle;

#[throttle(rate = "100/min", deadline = 5)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
