use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s", headers = "off")]
async fn send() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = send();
}
