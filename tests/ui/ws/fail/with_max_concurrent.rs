use throttle::{throttle_message, ws::Socket};

#[throttle_message(rate = "60/min", max_concurrent = 2)]
async fn on_message(_socket: &mut Socket) {}

fn main() {
    let _ = on_message;
}
