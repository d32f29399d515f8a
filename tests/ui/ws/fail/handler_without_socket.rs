use throttle::{Throttled, throttle_message, ws::Socket};

async fn quiet(_: Throttled) {}

#[throttle_message(rate = "60/min", handler = quiet)]
async fn on_message(socket: &mut Socket) {}

fn main() {
    let _ = on_message;
}
