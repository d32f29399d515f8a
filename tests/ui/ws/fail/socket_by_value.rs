use throttle::{throttle_message, ws::Socket};

#[throttle_message(rate = "60/min")]
async fn on_message(socket: Socket) {}

fn main() {
    let _ = on_message;
}
