use throttle::{Refused, throttle_fn};

#[throttle_fn(rate = "5/s", headers = "off")]
async fn send() -> Result<(), Refused> {
    Ok(())
}

fn main() {
    let _ = send();
}
