use throttle::{Refused, throttle_fn};

#[throttle_fn(rate = "100/min", degrade)]
async fn job() -> Result<(), Refused> {
    Ok(())
}

fn main() {
    drop(job());
}
