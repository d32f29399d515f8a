use throttle::throttle_fn;

#[throttle_fn(rate = "5/s")]
async fn send() -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {
    let _ = send();
}
