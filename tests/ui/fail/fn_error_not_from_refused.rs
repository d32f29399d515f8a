use throttle::throttle_fn;

#[derive(Debug)]
struct NoFrom;

#[throttle_fn(rate = "5/s")]
async fn send() -> Result<(), NoFrom> {
    Ok(())
}

fn main() {
    let _ = send();
}
