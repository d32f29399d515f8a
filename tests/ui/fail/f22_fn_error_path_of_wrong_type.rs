use throttle::{Refused, throttle_fn};

fn busy(refused: Refused) -> String {
    refused.to_string()
}

#[throttle_fn(rate = "5/s", error = busy)]
async fn send() -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {
    let _ = send();
}
