use throttle::throttle;

#[throttle(rate = "100/min", cost = "2")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
