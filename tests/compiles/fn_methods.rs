use std::fmt::Display;
use std::sync::{Arc, Mutex};
use throttle::{ThrottleError, throttle_fn};

struct Mail {
    id: Mutex<u64>,
    sent: u64,
}

struct Wrapper<T>(T);

impl Mail {
    #[throttle_fn(rate = "5/s")]
    async fn by_ref(&self) -> Result<u64, ThrottleError> {
        Ok(self.sent)
    }

    #[throttle_fn(rate = "5/s", key = "{self.sent}")]
    async fn by_mut(&mut self) -> Result<u64, ThrottleError> {
        self.sent += 1;
        Ok(self.sent)
    }

    #[throttle_fn(rate = "5/s", key = "{self.sent}")]
    async fn by_value(self) -> Result<Self, ThrottleError> {
        Ok(self)
    }

    #[throttle_fn(rate = "5/s", key = "{self.sent}")]
    async fn by_arc(self: Arc<Self>) -> Result<Arc<Self>, ThrottleError> {
        Ok(self)
    }

    #[throttle_fn(rate = "5/s")]
    async fn associated() -> Result<u64, ThrottleError> {
        Ok(Self::COUNT)
    }

    const COUNT: u64 = 3;

    #[throttle_fn(rate = "5/s", key = "{name}")]
    async fn borrowed<'a, T: Display + Sync + ?Sized>(&'a self, name: &'a T) -> Result<&'a T, ThrottleError> {
        let _id = *self
            .id
            .lock()
            .map_err(|_| ThrottleError::from(throttle::Throttled::new(std::time::Duration::MAX)))?;
        Ok(name)
    }
}

impl<T: Clone + Send + Sync> Wrapper<T> {
    #[throttle_fn(rate = "5/s")]
    async fn cloned(&self) -> Result<T, ThrottleError> {
        Ok(self.0.clone())
    }

    #[throttle_fn(rate = "5/s")]
    async fn mapped<U, const N: usize>(
        &self,
        map: impl Fn(&T) -> [U; N] + Send + Sync,
    ) -> Result<[U; N], ThrottleError> {
        Ok(map(&self.0))
    }
}

fn is_send<T: Send>(_: T) {}

#[test]
fn compiles() {
    let mut mail = Mail { id: Mutex::new(1), sent: 2 };
    is_send(mail.by_ref());
    is_send(mail.by_mut());
    is_send(mail.borrowed("a"));
    is_send(mail.by_value());
    is_send(Arc::new(Mail { id: Mutex::new(1), sent: 2 }).by_arc());
    is_send(Mail::associated());
    is_send(Wrapper(3).cloned());
    is_send(Wrapper(3).mapped(|number| [*number]));
}
