use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s", handler = throttle::problem_json)]
async fn send() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = send();
}
