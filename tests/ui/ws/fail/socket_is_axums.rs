use axum::extract::ws::WebSocket;
use throttle::throttle_message;

#[throttle_message(rate = "60/min")]
async fn on_message(socket: &mut WebSocket) {}

fn main() {
    let _ = on_message;
}
