use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s")]
async fn send() -> Result<u32, ThrottleError> {
    let _count = 3;
}

fn main() {
    let _ = send();
}
