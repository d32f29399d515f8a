use throttle::throttle;

#[throttle(rate = "100/min")]
async fn items() -> &'static str {
    "ok"
}

async fn other() {
    items().await;
}

fn main() {
    let _ = other();
}
