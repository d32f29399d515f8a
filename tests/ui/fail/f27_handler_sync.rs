use throttle::throttle;

fn busy(throttled: throttle::Throttled) -> String {
    throttled.message()
}

#[throttle(rate = "100/min", handler = busy)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
