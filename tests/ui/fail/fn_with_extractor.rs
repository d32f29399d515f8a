use throttle::{ThrottleError, throttle_fn};

async fn tenant(method: axum::http::Method) -> String {
    method.to_string()
}

#[throttle_fn(rate = "5/s", key = tenant)]
async fn send() -> Result<(), ThrottleError> {
    Ok(())
}

fn main() {
    let _ = send();
}
