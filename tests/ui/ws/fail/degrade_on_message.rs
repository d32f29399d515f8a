use throttle::throttle_message;
use throttle::ws::Socket;

#[throttle_message(rate = "60/min", degrade)]
async fn on_message(socket: &mut Socket, text: &str) {
    let _ = (socket, text);
}

fn main() {
    let _ = on_message;
}
