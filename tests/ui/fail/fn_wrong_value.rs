use throttle::{Refused, throttle_fn};

#[throttle_fn(rate = "5/s")]
async fn send() -> Result<u32, Refused> {
    Ok("one")
}

fn main() {
    let _ = send();
}
