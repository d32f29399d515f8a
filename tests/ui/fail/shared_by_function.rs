use throttle::{ThrottleError, StaticThrottle, throttle, throttle_fn};

#[throttle(rate = "10/hour")]
static EXPORTS: StaticThrottle;

#[throttle_fn(EXPORTS)]
async fn export() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    drop(export());
}
