//! The methods of a store that no decision calls: each has a default.

use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::backend::{Increment, Store};
use throttle_runtime::{Clock, ManualClock};

use crate::small::{Compares, Locks};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn f60_methods_that_no_decision_calls_have_defaults() {
    let clock = ManualClock::new();
    holds(&Locks::at(&clock), &clock).await;
    holds(&Compares::at(&clock), &clock).await;
}

async fn holds<S: Store>(store: &S, clock: &ManualClock) {
    let value = async |key: &str| store.get(key).await.expect("an answer");
    assert_eq!(store.increment("a", 5).await.expect("a sum"), 5);
    assert_eq!(store.decrement("a", 7).await.expect("a sum"), -2);
    assert_eq!(value("a").await.as_deref(), Some("-2"));
    clock.set(clock.now() + 1_000_000_000_000);
    assert_eq!(store.increment("a", 1).await.expect("a sum"), -1, "it does not expire");

    store.expire("a", MINUTE).await.expect("an end");
    assert_eq!(value("a").await.as_deref(), Some("-1"));
    clock.advance(MINUTE + Duration::from_secs(2));
    assert_eq!(value("a").await, None);
    store.expire("a", MINUTE).await.expect("nothing to do");
    assert_eq!(value("a").await, None, "`expire` makes no value");

    assert_eq!(store.increment_with_ttl("b", 3, MINUTE).await.expect("a sum"), 3);
    assert_eq!(store.increment_within("b", 3, 5, MINUTE).await.expect("an answer"), Increment::Exceeded(3));
    assert_eq!(store.increment_within("b", 2, 5, MINUTE).await.expect("an answer"), Increment::Added(5));
    clock.advance(MINUTE + Duration::from_secs(2));
    assert_eq!(store.increment_with_ttl("b", 1, MINUTE).await.expect("a sum"), 1, "it has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f60_concurrent_increments_by_the_default_are_all_counted() {
    let clock = ManualClock::new();
    counts(Arc::new(Locks::at(&clock))).await;
    counts(Arc::new(Compares::at(&clock))).await;
}

async fn counts<S: Store>(store: Arc<S>) {
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for _ in 0..10 {
                    store.increment_with_ttl("a", 1, MINUTE).await.expect("a sum");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    assert_eq!(store.increment("a", 0).await.expect("a sum"), 40);
}
