//! Random pauses before the next attempt. Alone because decisions and connections both wait.

use std::pin::pin;
use std::time::Duration;

use crate::util::now_or_later::uncharged;
use crate::util::random;

/// The maximum pause after the first failed attempt to connect, and after many failed attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Waits for a random time before the next attempt, because other processes write the same states.
pub(super) async fn step_aside(attempt: u32) {
    let most = Duration::from_micros(200 << attempt.min(6));
    uncharged(pin!(tokio::time::sleep(random::part(most)))).await;
}

/// Returns a random part of a pause that doubles with each failed attempt to connect. Processes that lost a
/// server together do not reconnect together, because each has its own random numbers.
pub(super) fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSES;
    let most = first.saturating_mul(1 << failures.min(16)).min(longest);
    random::part(most)
}
