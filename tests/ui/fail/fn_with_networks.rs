use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "1/s", deny = "10.0.0.0/8")]
async fn job() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {}
