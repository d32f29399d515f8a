use throttle::throttle;

#[throttle(limit = 100, window = 60)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
