use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "100/min")]
#[throttle::throttle(rate = "100/min")]
async fn items() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = items();
}
