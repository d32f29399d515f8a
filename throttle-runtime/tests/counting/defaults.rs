//! The methods of a store that no decision calls: each has a default.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::backend::{Increment, Store, increment_or_take_back};
use throttle_runtime::{Clock, ManualClock};

use super::taken_back::TakenBack;
use crate::dict::Dict;
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

/// The default obeys the limit for every sign, like the stores with an `increment_within` of their own.
#[tokio::test]
async fn f60_what_is_subtracted_obeys_the_limit() {
    let clock = ManualClock::new();
    obeys(&Locks::at(&clock)).await;
    obeys(&Compares::at(&clock)).await;
    obeys(&TakenBack::at(&clock)).await;
    obeys(&Dict::<false, true>::at(&clock)).await;
}

async fn obeys<S: Store>(store: &S) {
    let add = async |by, limit| store.increment_within("a", by, limit, MINUTE).await.expect("an answer");
    assert_eq!(add(5, 5).await, Increment::Added(5));
    for by in [0, -1, -2] {
        assert_eq!(add(by, 2).await, Increment::Exceeded(5), "{by}");
        assert_eq!(store.get("a").await.expect("an answer").as_deref(), Some("5"), "{by}");
    }
    assert_eq!(add(-3, 2).await, Increment::Added(2));
    assert_eq!(add(0, 2).await, Increment::Added(2));
    assert_eq!(add(-7, -5).await, Increment::Added(-5));
    assert_eq!(add(-1, i64::MIN).await, Increment::Exceeded(-5));
    assert_eq!(add(-1, i64::MAX).await, Increment::Added(-6));
}

/// A subtraction makes no room that it takes back: requests in between are not admitted in addition.
#[tokio::test]
async fn f60_a_rejected_subtraction_is_never_visible() {
    let numbers = RefCell::new(vec![10_i64]);
    let add = |by: i64| {
        let mut numbers = numbers.borrow_mut();
        let sum = numbers.last().copied().unwrap_or_default() + by;
        numbers.push(sum);
        std::future::ready(Ok::<i64, Infallible>(sum))
    };
    assert_eq!(increment_or_take_back(-2, 5, add).await, Ok(Increment::Exceeded(10)));
    assert!(numbers.borrow().iter().all(|number| *number == 10), "{numbers:?}");
    // Without a limit, which is how decisions subtract, it is one call.
    numbers.borrow_mut().clear();
    assert_eq!(increment_or_take_back(-2, i64::MAX, add).await, Ok(Increment::Added(-2)));
    assert_eq!(numbers.borrow().len(), 1);
}

/// The units that kept a request out may be those of another denial, which are subtracted meanwhile.
#[tokio::test]
async fn f60_what_fits_after_all_is_added() {
    // Another request has added 3 to 1, and subtracts them again.
    let (calls, sums) = (RefCell::new(Vec::new()), RefCell::new(vec![3, 1, 6]));
    let add = |by: i64| {
        calls.borrow_mut().push(by);
        std::future::ready(Ok::<i64, Infallible>(sums.borrow_mut().pop().unwrap_or_default()))
    };
    assert_eq!(increment_or_take_back(2, 5, add).await, Ok(Increment::Added(3)));
    assert_eq!(*calls.borrow(), [2, -2, 2]);
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
