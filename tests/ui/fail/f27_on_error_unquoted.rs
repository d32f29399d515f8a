use throttle::throttle;

#[throttle(rate = "100/min", on_error = allow)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
