//! Decisions that are dropped before they complete, like those of clients that disconnect.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::Limit;
use crate::backend::{Backend, Mode};
use crate::key::Key;
use crate::testkit::violation::ensure;
use crate::testkit::{Outcome, Subject};

/// Polls a future at most this many times, and drops it. Returns whether it completed.
async fn drop_after(polls: usize, future: impl Future) -> bool {
    let mut future: Pin<Box<_>> = Box::pin(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready()));
        if polled.await {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// More polls than a decision needs.
const POLLS: usize = 60;

/// A decision that is dropped at any point does not block other decisions.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b073_a_dropped_decision_holds_nothing<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, limit) = (&**subject.get(), Limit::per_month(subject.name(), &[1_000]));
    let keys = [Key::from("a"), Key::from("b")];
    let both = keys.each_ref().map(|key| limit.charge(key, 1));
    for polls in 0..POLLS {
        for charges in [&both[..], &both[..1]] {
            drop_after(polls, backend.decide(charges, Mode::Consume)).await;
            let next =
                tokio::time::timeout(Duration::from_millis(900), limit.decide_all(backend, &["b", "a"], 1));
            let Ok(next) = next.await else {
                ensure!(false, "a decision that was dropped after {polls} polls is in the way of the next");
                break;
            };
            ensure!(next?.fits(), "one of a thousand does not fit");
        }
    }
    Ok(())
}

/// A dropped decision has charged all of its identities or none, and no identity twice.
///
/// # Errors
///
/// If the backend violates this property: see [`Outcome`].
pub async fn b073_a_dropped_decision_is_all_or_nothing<B: Backend>(subject: &Subject<B>) -> Outcome {
    let (backend, limit) = (&**subject.get(), Limit::per_month(subject.name(), &[1_000]));
    let keys = [Key::from("a"), Key::from("b")];
    let both = keys.each_ref().map(|key| limit.charge(key, 1));
    for polls in 0..POLLS {
        let before = limit.left(backend, "a").await?;
        let ended = drop_after(polls, backend.decide(&both, Mode::Consume)).await;
        // Work that continues in the background comes before the next decision on the same identities.
        limit.decide_all(backend, &["a", "b"], 1).await?;
        let left = [limit.left(backend, "a").await?, limit.left(backend, "b").await?];
        ensure!(left[0] == left[1], "a decision that was dropped after {polls} polls left {left:?}");
        let taken = before[0].checked_sub(left[0][0] + 1);
        let is_one_or_none = taken == Some(1) || taken == Some(0) && !ended;
        ensure!(is_one_or_none, "a decision of one took {taken:?}, after {polls} polls");
    }
    Ok(())
}
