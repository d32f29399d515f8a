use throttle::throttle;

fn price() -> u64 {
    5
}

#[throttle(rate = "100/min", cost = price)]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
