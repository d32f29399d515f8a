//! Timeouts that count only the time in which this process runs.
//!
//! A CPU limit, a suspended machine or a blocking call on the only thread can pause a process. After the pause,
//! its timers have expired before the process has read the replies that arrived meanwhile. A timer that fires
//! late is evidence about this process, and not about the store.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::BackendError;

/// A timeout consists of this many consecutive timers. A slice that contains a pause is not counted.
const SLICES: u32 = 4;

/// The resolution of tokio's timers. It is also the time that other tasks have to pass on data that arrived.
const TICK: Duration = Duration::from_millis(1);

/// A timer that is late by at most this much is normal for a scheduler.
const LATE: Duration = Duration::from_millis(4);

/// The maximum number of slices that are not counted. A process that is always late has to time out eventually.
const MOST_LATE: u32 = SLICES;

/// The error of a future that did not complete before its timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed {
    limit: Duration,
    /// Whether a timer was late, so that the timeout says nothing about the store.
    was_paused: bool,
}

thread_local! {
    /// Whether a future is being dropped because its timeout has passed.
    static EXPIRING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the value that is being dropped was abandoned by its timeout, and not by a caller that
/// disconnected.
#[cfg(feature = "redis")]
pub(crate) fn is_expiring() -> bool {
    EXPIRING.get()
}

/// Waits for a future for at most `limit`. Pauses of this process do not count.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(Some(future));
    let slice = (limit / SLICES).max(TICK);
    let (mut left, mut due, mut late) = (limit.max(TICK), Instant::now(), 0);
    while !left.is_zero()
        && let Some(future) = future.as_mut().as_pin_mut()
    {
        // The last tick is a slice of its own. Data that has arrived is read before the timeout is trusted, and
        // other tasks may have to pass the data on.
        let before_last = left.saturating_sub(TICK);
        let next = if before_last.is_zero() { left } else { slice.min(before_last) };
        due = if before_last.is_zero() { due.max(Instant::now()) } else { due };
        // A deadline that the clock cannot represent is never reached.
        let Some(end) = due.checked_add(next) else { return Ok(future.await) };
        if let Ok(answer) = timeout_at(end, future).await {
            return Ok(answer);
        }
        if end.elapsed() > next.max(LATE) && late < MOST_LATE {
            (due, late) = (Instant::now(), late + 1);
        } else {
            (due, left) = (end, left.saturating_sub(next));
        }
    }
    let was_paused = late > 0;
    EXPIRING.set(!was_paused);
    let _expiring = Expiring;
    future.set(None);
    Err(Elapsed { limit, was_paused })
}

/// Clears `EXPIRING` after the drop of a future, also if the drop panics.
struct Expiring;

impl Drop for Expiring {
    fn drop(&mut self) {
        EXPIRING.set(false);
    }
}

/// Waits for a future for at most `limit`, including pauses of this process. For resources that other processes
/// consider gone after that time.
pub(crate) async fn timeout_by_clock<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let begun = Instant::now();
    let is_late = || begun.elapsed() > limit.saturating_add(LATE + LATE);
    tokio::time::timeout(limit, future).await.map_err(|_| Elapsed { limit, was_paused: is_late() })
}

impl From<Elapsed> for BackendError {
    fn from(Elapsed { limit, was_paused }: Elapsed) -> Self {
        if was_paused { Self::timeout_after_pause(limit) } else { Self::timeout(limit) }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::thread;

    use tokio::sync::oneshot;
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    fn is_after_pause(elapsed: Elapsed) -> bool {
        elapsed.was_paused
    }

    #[tokio::test(start_paused = true)]
    async fn f61_a_deadline_of_a_process_that_runs_is_that_deadline() {
        for limit in [0, 1, 2, 5, 10, 100, 1_001].map(Duration::from_millis) {
            let begun = Instant::now();
            let elapsed = timeout(limit, pending::<()>()).await.expect_err("nobody answers");
            let waited = begun.elapsed();
            assert_eq!(waited, limit.max(TICK));
            assert!(!is_after_pause(elapsed));
        }
        let answer = timeout(Duration::MAX, async {
            sleep(Duration::from_secs(1_000_000)).await;
            1
        });
        assert_eq!(answer.await, Ok(1));
    }

    /// A task sends the reply after the pause, over several hops.
    #[tokio::test]
    async fn f61_what_arrives_after_a_pause_is_an_answer() {
        for pause in [LIMIT * 2, LIMIT * 20] {
            let (sender, receiver) = oneshot::channel();
            let answer = tokio::spawn(timeout(LIMIT, receiver));
            tokio::task::yield_now().await;
            thread::sleep(pause);
            tokio::spawn(async move {
                sleep(LIMIT / 4).await;
                sender.send(1)
            });
            assert_eq!(answer.await.expect("no panic"), Ok(Ok(1)));
        }
    }

    #[tokio::test]
    async fn f61_a_timeout_after_a_pause_says_so() {
        let answer = tokio::spawn(timeout(LIMIT, pending::<()>()));
        tokio::task::yield_now().await;
        thread::sleep(LIMIT * 2);
        let elapsed = answer.await.expect("no panic").expect_err("nobody answers");
        assert!(is_after_pause(elapsed));
        assert!(!BackendError::from(elapsed).is_evidence());
    }

    /// Otherwise, a process that is short of CPU time would wait for a dead server forever.
    #[tokio::test]
    async fn f61_a_process_that_is_always_late_times_out() {
        let answer = tokio::spawn(timeout(LIMIT, pending::<()>()));
        let mut rounds = 0;
        while !answer.is_finished() {
            tokio::task::yield_now().await;
            thread::sleep(LIMIT);
            rounds += 1;
            assert!(rounds < 100, "it does not end");
        }
    }
}
