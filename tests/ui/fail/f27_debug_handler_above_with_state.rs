use throttle::throttle;

#[axum::debug_handler(state = ())]
// The order matters.
#[throttle(rate = "100/min")]
async fn items() -> &'static str {
    "ok"
}

fn main() {}
