use throttle::throttle_message;

#[throttle_message(rate = "60/min")]
async fn on_message() {}

fn main() {
    let _ = on_message();
}
