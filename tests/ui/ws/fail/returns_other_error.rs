use throttle::{throttle_message, ws::Socket};

struct ChatError;

#[throttle_message(rate = "60/min")]
async fn on_message(socket: &mut Socket) -> Result<(), ChatError> {
    Err(ChatError)
}

fn main() {
    let _ = on_message;
}
