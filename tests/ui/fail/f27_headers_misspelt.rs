use throttle::throttle;

#[throttle(rate = "100/min", headers = "draft11")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
