use axum::extract::State;
use throttle::{Rate, Settings};


#[derive(Clone)]
struct App;

async fn plan(State(_): State<App>) -> Rate {
    Rate::per_minute(1)
}

fn main() {
    let _ = Settings::new().rate(plan);
}
