use std::pin::Pin;

use throttle::{ThrottleError, throttle_fn};

#[throttle_fn(rate = "5/s")]
fn send() -> Pin<Box<dyn Future<Output = Result<(), ThrottleError>>>> {
    let future = async { Ok(()) };
    Box::pin(future)
}

fn main() {
    let _ = send();
}
