use axum::extract::State;
use throttle::{Rate, StaticThrottle, throttle};

#[derive(Clone)]
struct App;

async fn plan(State(_): State<App>) -> Rate {
    Rate::per_minute(1)
}

#[throttle(rate = plan)]
static EXPORTS: StaticThrottle;

fn main() {
    let _ = EXPORTS.uid();
}
