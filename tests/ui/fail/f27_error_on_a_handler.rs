use throttle::throttle;

#[throttle(rate = "100/min", error = busy)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
