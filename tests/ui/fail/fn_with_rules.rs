use throttle::{Refused, throttle_fn};

#[throttle_fn(rate = "1/s", bypass = "/health")]
async fn job() -> Result<(), Refused> {
    Ok(())
}

fn main() {}
