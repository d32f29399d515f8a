use throttle::{Refused, throttle_fn};

trait Sender {
    #[throttle_fn(rate = "5/s")]
    async fn send(&self) -> Result<(), Refused>;
}

struct Mail;

impl Sender for Mail {
    async fn send(&self) -> Result<(), Refused> {
        Ok(())
    }
}

fn main() {
    let _ = Mail.send();
}
