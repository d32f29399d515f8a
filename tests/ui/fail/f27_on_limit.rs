use throttle::throttle;

#[throttle(rate = "100/min", on_limit = busy)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
