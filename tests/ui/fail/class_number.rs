use throttle::throttle;

#[throttle(rate = "100/min", class = 1)]
async fn handler() -> &'static str {
    "ok"
}

fn main() {}
