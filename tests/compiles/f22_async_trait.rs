//! `#[throttle_fn]` in an `#[async_trait]` impl, on boxed futures, and with an error of another crate.

#![deny(warnings)]

use std::pin::Pin;

use throttle::{ThrottleError, throttle_fn};

#[async_trait::async_trait]
trait Mail {
    async fn send(&self, to: &str, text: String) -> Result<usize, ThrottleError>;

    async fn flush(&mut self) -> Result<(), std::io::Error>;

    /// A provided method.
    #[throttle_fn(rate = "5/s")]
    async fn ping(&self) -> Result<(), ThrottleError>
    where
        Self: Sync,
    {
        Ok(())
    }
}

struct Client {
    name: String,
    sent: usize,
}

fn busy(refused: ThrottleError) -> std::io::Error {
    std::io::Error::other(refused)
}

#[async_trait::async_trait]
impl Mail for Client {
    #[throttle_fn(rate = "5/s", key = "{self.name}/{to}/{text}")]
    async fn send(&self, to: &str, text: String) -> Result<usize, ThrottleError> {
        if text.is_empty() {
            return Ok(0);
        }
        Ok(self.name.len() + to.len() + text.len())
    }

    #[throttle_fn(uid = "flush", rate = "5/s", error = busy)]
    #[throttle_fn(rate = "100/min")]
    async fn flush(&mut self) -> Result<(), std::io::Error> {
        self.sent = 0;
        Ok(())
    }
}

#[throttle_fn(rate = "5/s")]
fn boxed(number: u8) -> Pin<Box<dyn Future<Output = Result<u8, ThrottleError>> + Send>> {
    Box::pin(async move { Ok(number) })
}

#[throttle_fn(rate = "5/s")]
fn opaque(number: u8) -> impl Future<Output = Result<u8, ThrottleError>> + Send {
    async move { Ok(number) }
}

#[throttle_fn(rate = "5/s", error = |refused| refused.to_string())]
async fn closure() -> Result<u8, String> {
    Ok(1)
}

#[test]
fn compiles() {
    let mut client = Client { name: "a".to_owned(), sent: 1 };
    drop(client.send("b", "c".to_owned()));
    drop(client.ping());
    drop(client.flush());
    let _ = (boxed(1), opaque(2), closure(), client.sent);
}
