use axum::extract::State;
use throttle::{Rate, throttle_message, ws::Socket};

#[derive(Clone)]
struct App;

async fn plan(State(App): State<App>) -> Rate {
    Rate::per_minute(60)
}

#[throttle_message(rate = plan)]
async fn on_message(socket: &mut Socket) {}

fn main() {
    let _ = on_message;
}
