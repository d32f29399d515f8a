use throttle::{Refused, throttle};

#[throttle(rate = "100/min")]
#[throttle::throttle_fn(rate = "100/min")]
async fn items() -> Result<(), Refused> {
    Ok(())
}

fn main() {
    let _ = items();
}
