use throttle::throttle;

async fn plan() -> throttle::Rate {
    throttle::Rate::per_minute(1)
}

#[throttle(rate = plan())]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
