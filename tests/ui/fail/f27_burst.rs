use throttle::throttle;

#[throttle(rate = "100/min", burst = 20)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
