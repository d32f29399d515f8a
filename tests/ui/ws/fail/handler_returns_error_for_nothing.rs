use throttle::{Throttled, throttle_message, ws::Socket};

async fn strict(throttled: Throttled, _: &mut Socket) -> Result<(), Throttled> {
    Err(throttled)
}

#[throttle_message(rate = "60/min", handler = strict)]
async fn on_message(socket: &mut Socket) {}

fn main() {
    let _ = on_message;
}
