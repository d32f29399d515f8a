//! Stores whose increments support no limit.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Increment, Mode, Store, StoreBackend};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{Key, ManualClock, Quota, Rates};

use crate::dict::{Dict, by_dict};

/// A store that adds whatever the sum: the default of `increment_within` subtracts again what exceeds the
/// limit.
#[derive(Debug)]
pub(super) struct TakenBack(Dict<false, true>);

impl TakenBack {
    pub(super) fn at(clock: &ManualClock) -> Self {
        Self(Dict::at(clock))
    }
}

impl Store for TakenBack {
    type Error = Infallible;

    const INCREMENT_WITHIN: bool = true;

    by_dict!(reset get set delete try_lock unlock);

    async fn increment_with_ttl(&self, key: &str, by: i64, ttl: Duration) -> Result<i64, Infallible> {
        match self.0.increment_within(key, by, i64::MAX, ttl).await? {
            Increment::Added(sum) | Increment::Exceeded(sum) => Ok(sum),
        }
    }
}

async fn takes(stored: &StoreBackend<TakenBack>, cost: u64) -> bool {
    let (key, rates): (_, Rates) = (Key::from("a"), "15/day".parse().expect("rates"));
    let charge = [Charge::new("s", &key, &FixedWindow, &rates, cost)];
    let verdict = stored.decide(&charge, Mode::Consume).await.expect("a verdict");
    verdict.quotas.iter().all(Quota::fits)
}

/// Returns the value of the only counter.
fn used(stored: &StoreBackend<TakenBack>) -> u64 {
    let tables = stored.store().0.tables();
    tables.values.values().next().map_or(0, |value| value.text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f60_what_is_taken_back_lets_exactly_the_limit_pass() {
    for most in [1, 4] {
        for _ in 0..20 {
            let clock = ManualClock::new();
            let stored = Arc::new(StoreBackend::new(TakenBack::at(&clock)).clock(clock.clone()));
            let tasks = (0..8).map(|task| {
                let stored = Arc::clone(&stored);
                tokio::spawn(async move {
                    let mut admitted = 0;
                    for step in 0..6 {
                        let cost = 1 + (task + step) % most;
                        admitted += if takes(&stored, cost).await { cost } else { 0 };
                    }
                    admitted
                })
            });
            let tasks: Vec<_> = tasks.collect();
            let mut admitted = 0;
            for task in tasks {
                admitted += task.await.expect("no panic");
            }
            assert!(admitted <= 15 && (most > 1 || admitted == 15), "{admitted} of 15 by up to {most}");
            assert_eq!(used(&stored), admitted, "what was denied is taken back");
        }
    }
}

/// A caller that disconnects in the middle leaves nothing behind.
#[tokio::test]
async fn f60_a_denial_that_is_dropped_is_taken_back() {
    for polls in 0..20 {
        let clock = ManualClock::new();
        let stored = StoreBackend::new(TakenBack::at(&clock)).clock(clock.clone());
        assert!(takes(&stored, 13).await);
        let mut denial = Box::pin(takes(&stored, 5));
        for _ in 0..polls {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(denial.as_mut().poll(context).is_ready())
            });
            if polled.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(denial);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(used(&stored), 13, "after {polls} polls");
    }
}

/// A process that dies between the two calls leaves at most the units of its request, for at most the length of
/// the window.
#[test]
fn f60_a_death_before_it_is_taken_back_never_admits_more() {
    let mut leaves = 0;
    for steps in 0..20 {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let clock = ManualClock::new();
        let stored = StoreBackend::new(TakenBack::at(&clock)).clock(clock.clone());
        let dying = runtime();
        dying.block_on(async {
            assert!(takes(&stored, 10).await);
            let mut denial = Box::pin(takes(&stored, 6));
            for _ in 0..steps {
                let polled = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(denial.as_mut().poll(context).is_ready())
                });
                if polled.await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        });
        drop(dying);
        assert!([10, 16].contains(&used(&stored)), "{}", used(&stored));
        leaves += u32::from(used(&stored) == 16);
        runtime().block_on(async {
            let admitted = if takes(&stored, 5).await { 15 } else { 10 };
            assert!(!takes(&stored, 6).await, "{admitted} of 15");
            clock.advance(Duration::from_secs(86_400));
            assert!(takes(&stored, 15).await, "another window");
        });
    }
    assert!(leaves > 0, "it is tried between the two calls");
}
