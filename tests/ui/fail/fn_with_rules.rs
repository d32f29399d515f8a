use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "1/s", bypass = "/health")]
async fn job() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {}
