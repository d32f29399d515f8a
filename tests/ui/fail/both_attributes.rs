use throttle::{ThrottleError, throttle};

#[throttle(rate = "100/min")]
#[throttle::throttle_fn(rate = "100/min")]
async fn items() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = items();
}
