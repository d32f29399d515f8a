use throttle::{Refused, throttle_fn};

#[throttle_fn(rate = "5/s")]
fn send() -> Result<(), Refused> {
    Ok(())
}

fn main() {
    let _ = send();
}
