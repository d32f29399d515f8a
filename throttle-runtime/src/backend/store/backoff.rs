//! Backoff: growing random pauses between attempts.

use std::time::Duration;

use tokio::time::Instant;

use super::Store;
use crate::util::random;

/// Growing random pauses.
#[derive(Debug)]
pub(super) struct Patience(u32);

/// The longest random pause, in microseconds.
const LONGEST: u64 = 32_000;

/// The longest wait between two attempts, while another decision stores its result.
pub(super) const MAX_WAIT: Duration = Duration::from_millis(50);

impl Patience {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Sleeps for a random time of up to 1 millisecond, then up to 2, 4 and so on. A pause is never longer
    /// than `most`.
    pub(super) async fn wait(&mut self, most: Duration) {
        let longest = (1_000_u64 << self.0.min(10)).min(LONGEST);
        self.0 += 1;
        let pause = Duration::from_micros(1 + random::number() % longest);
        tokio::time::sleep(pause.min(most)).await;
    }
}

/// The default of [`Store::get_lock`].
pub(super) async fn get_lock<S: Store + ?Sized>(
    store: &S,
    key: &str,
    ttl: Duration,
    timeout: Duration,
) -> Result<Option<u64>, S::Error> {
    let begin = Instant::now();
    let mut patience = Patience::new();
    loop {
        if let Some(token) = store.try_lock(key, ttl).await? {
            return Ok(Some(token));
        }
        match timeout.checked_sub(begin.elapsed()) {
            Some(left) if !left.is_zero() => patience.wait(left).await,
            _ => return Ok(None),
        }
    }
}
