use throttle::throttle;

#[throttle(rate = 100)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
