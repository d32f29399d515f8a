use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s")]
async fn send() -> Result<u32, ThrottleError> {
    Ok("one")
}

fn main() {
    let _ = send();
}
