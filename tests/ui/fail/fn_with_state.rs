use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s", state = u32)]
async fn send() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = send();
}
