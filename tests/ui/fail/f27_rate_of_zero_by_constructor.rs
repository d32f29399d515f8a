use throttle::throttle;

#[throttle(rate = throttle::Rate::per_minute(0))]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
