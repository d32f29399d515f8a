use axum::extract::State;
use throttle::{Rate, Static, throttle};

#[derive(Clone)]
struct App;

async fn plan(State(_): State<App>) -> Rate {
    Rate::per_minute(1)
}

#[throttle(rate = plan)]
static EXPORTS: Static;

fn main() {
    let _ = EXPORTS.uid();
}
