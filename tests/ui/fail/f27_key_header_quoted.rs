use throttle::throttle;

#[throttle(rate = "100/min", key = "header(\"x-api-key\")")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
