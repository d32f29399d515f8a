use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "100/min", degrade)]
async fn job() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    drop(job());
}
