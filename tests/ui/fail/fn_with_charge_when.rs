use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "1/s", charge_when = throttle::outcome::failed)]
async fn job() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {}
