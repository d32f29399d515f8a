use throttle::{ThrottleError, throttle_fn};

fn busy(refused: ThrottleError) -> String {
    refused.to_string()
}

#[throttle_fn(rate = "5/s", error = busy)]
async fn send() -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {
    let _ = send();
}
