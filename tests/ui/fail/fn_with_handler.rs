use throttle::{Refused, throttle_fn};

#[throttle_fn(rate = "5/s", handler = throttle::problem_json)]
async fn send() -> Result<(), Refused> {
    Ok(())
}

fn main() {
    let _ = send();
}
