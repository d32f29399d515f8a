//! Refunds after a reset, on any backend: nothing of the earlier charges is refunded.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::time::Duration;

use throttle_runtime::backend::Backend;
use throttle_runtime::strategy::{
    FixedWindow, Gcra, LeakyBucket, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, TokenBucket,
    TokenBucketWithDebt,
};
use throttle_runtime::{Clock, Hit, Registry, Settings, Throttle, registry};

/// Returns settings of each strategy that can refund a part of a charge.
fn each() -> [Settings; 8] {
    // A busy machine exceeds the usual deadline.
    let ten = Settings::new().rate("10/day").backend("store").timeout(Duration::from_secs(5));
    [
        ten.clone().strategy(FixedWindow),
        ten.clone().strategy(Gcra::new().burst(10)),
        ten.clone().strategy(LeakyBucket),
        ten.clone().strategy(QuotaWithRollover::new()),
        ten.clone().strategy(SlidingWindowCounter),
        ten.clone().strategy(SlidingWindowLog),
        ten.clone().strategy(TokenBucket::new()),
        ten.strategy(TokenBucketWithDebt::new()),
    ]
}

pub async fn instance(backend: impl Backend, clock: impl Clock) -> Registry {
    registry().backend("store", backend).clock(clock).build().await.expect("a registry")
}

async fn left(throttle: &Throttle) -> Option<u64> {
    throttle.quotas("a").await.expect("a decision").remaining()
}

async fn use_up(throttle: &Throttle) {
    let mut admitted = 0;
    while throttle.hit("a").await.expect("a decision").is_allowed() {
        admitted += 1;
        assert!(admitted < 20, "{throttle:?}");
    }
}

/// Checks two instances of a program, which share the states.
pub async fn holds(one: &Registry, other: &Registry) {
    for (number, settings) in each().into_iter().enumerate() {
        let uid = format!("t{number}");
        let [a, b] =
            [one, other].map(|registry| registry.create(&uid, settings.clone()).expect("a throttle"));
        let reserve = |cost| a.reserve(Hit::new("a").cost(cost));
        for (is_own, whole) in [(true, true), (false, true), (true, false), (false, false)] {
            let by = if is_own { &a } else { &b };
            let before = reserve(5).await.expect("a decision");
            by.reset("a").await.expect("a reset");
            let full = left(&a).await;
            let after = reserve(4).await.expect("a decision");
            assert_eq!((before.taken(), after.taken()), (5, 4), "{a:?}");
            // The reservation from before the reset refunds nothing, and the one after it refunds all of its
            // charge.
            if whole {
                before.refund().await.expect("a refund");
            } else {
                before.settle(1).await.expect("a settlement");
            }
            if is_own {
                after.refund().await.expect("a refund");
                assert_eq!(left(&a).await, full, "{a:?}");
            }
            use_up(&a).await;
            let late = reserve(1).await.expect("a decision");
            assert_eq!(late.taken(), 0, "{a:?}");
            by.reset("a").await.expect("a reset");
        }
        let before = reserve(5).await.expect("a decision");
        a.reset("a").await.expect("a reset");
        use_up(&a).await;
        before.refund().await.expect("a refund");
        assert_eq!(left(&a).await, Some(0), "{a:?}: a refund of what was reset");
        b.reset("a").await.expect("a reset");
        let before = reserve(5).await.expect("a decision");
        b.reset("a").await.expect("a reset");
        use_up(&a).await;
        before.refund().await.expect("a refund");
        assert_eq!(left(&a).await, Some(0), "{a:?}: a refund of what another instance has reset");
        let before = reserve(0).await.expect("a decision");
        before.refund().await.expect("a refund");
        for by in [one, other] {
            by.reset().await.expect("a reset");
            let before = reserve(5).await.expect("a decision");
            by.reset().await.expect("a reset");
            use_up(&a).await;
            before.refund().await.expect("a refund");
            assert_eq!(left(&a).await, Some(0), "{a:?}: a refund after a reset of everything");
        }
        one.reset().await.expect("a reset");
        let after = reserve(5).await.expect("a decision");
        let full = left(&a).await;
        after.refund().await.expect("a refund");
        assert_eq!(
            left(&a).await,
            full.map(|left| left + 5),
            "{a:?}: a refund of what was charged after a reset"
        );
        one.reset().await.expect("a reset");
    }
}
