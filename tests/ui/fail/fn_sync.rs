use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s")]
fn send() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = send();
}
