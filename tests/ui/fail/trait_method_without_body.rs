use throttle::{ThrottleError, throttle_fn};

trait Sender {
    #[throttle_fn(rate = "5/s")]
    async fn send(&self) -> Result<(), ThrottleError>;
}

struct Mail;

impl Sender for Mail {
    async fn send(&self) -> Result<(), ThrottleError> {
        Ok(())
    }
}

fn main() {
    let _ = Mail.send();
}
