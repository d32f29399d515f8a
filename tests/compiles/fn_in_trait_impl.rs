use throttle::{ThrottleError, throttle_fn};

trait Sender {
    async fn send(&self, to: &str) -> Result<usize, ThrottleError>;

    #[throttle_fn(rate = "1/s")]
    async fn send_all(&self) -> Result<usize, ThrottleError> {
        self.send("all").await
    }
}

struct Mail;

impl Sender for Mail {
    #[throttle_fn(rate = "5/s", key = "{to}")]
    async fn send(&self, to: &str) -> Result<usize, ThrottleError> {
        Ok(to.len())
    }
}

#[test]
fn compiles() {
    drop(Mail.send("a"));
    drop(Mail.send_all());
}
