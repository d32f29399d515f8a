use throttle::throttle_fn;

#[throttle_fn(rate = "5/s")]
async fn send() -> u32 {
    1
}

fn main() {
    let _ = send();
}
