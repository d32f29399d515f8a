use throttle::throttle;

#[throttle(rate = "100/min", backend = redis)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
