use throttle::throttle_fn;

#[throttle_fn(rate = "5/s")]
async fn send() -> ! {
    loop {}
}

fn main() {
    let _ = send();
}
