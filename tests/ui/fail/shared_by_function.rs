use throttle::{ThrottleError, Static, throttle, throttle_fn};

#[throttle(rate = "10/hour")]
static EXPORTS: Static;

#[throttle_fn(EXPORTS)]
async fn export() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    drop(export());
}
