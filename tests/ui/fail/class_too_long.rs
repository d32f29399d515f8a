use throttle::throttle;

#[throttle(rate = "100/min", class = "a name of many bytes")]
async fn handler() -> &'static str {
    "ok"
}

fn main() {}
