//! An invalid update changes nothing.

use throttle::backend::Memory;
use throttle::strategy::{FixedWindow, TokenBucket};
use throttle::{
    CircuitBreaker, Headers, Hit, ManualClock, Rate, Registry, Settings, Throttle, failover, fallback,
};

use crate::common::declared_at;

const OTHERS: CircuitBreaker = CircuitBreaker::new().named("other");

/// Returns updates that are valid, in this order.
fn good() -> [Settings; 4] {
    [
        Settings::new().rate("10/min").cost(3_u32).on_error(fallback("other")),
        Settings::new().rate("20/min").strategy(TokenBucket::new().burst(5)).dry_run(true),
        Settings::new().backend("other").on_error("allow"),
        Settings::new().rate(async || Rate::per_minute(9)).cost(1_u32).dry_run(false),
    ]
}

/// Returns updates that are never valid, and a part of their error messages.
fn bad() -> [(Settings, &'static str); 8] {
    let all = || Settings::new().cost(2_u32).dry_run(true).headers(Headers::OFF);
    let tight = || all().rate("1/min").strategy(FixedWindow);
    [
        (all().rate("10/mn"), "did you mean `min`"),
        (tight(), "never lets anything through"),
        (all().backend("redis"), "\"redis\", which is not declared"),
        (all().on_error("ignore"), "unknown on_error"),
        (all().on_error(fallback("redis")), "falls back to"),
        (all().class("a name that is far too long for a class of callers"), "has more than"),
        // A breaker that is named beside a mistake is not created either.
        (all().rate("10/mn").on_error(failover("other", OTHERS)), "did you mean `min`"),
        (tight().backend("memory").on_error(failover("other", OTHERS)), "never lets anything through"),
    ]
}

/// Returns everything that can be observed of a throttle.
async fn seen(registry: &Registry, throttle: &Throttle) -> String {
    let stat = throttle.quotas("a").await;
    let rated = throttle.peek(Hit::from("a").rate(Rate::per_minute(100))).await;
    let (effective, breakers) = (registry.effective(), registry.breakers());
    format!("{effective:?} {:?} {stat:?} {rated:?} {breakers:?}", throttle.counts())
}

#[tokio::test]
async fn b106_a_refused_update_changes_nothing() {
    let clock = ManualClock::new();
    let other = Memory::builder().clock(clock.clone()).build();
    let registry = declared_at(&clock).backend("other", other).build().await.expect("a registry");
    let throttle = registry.create("t", good()[0].clone()).expect("a throttle");
    for good in good() {
        throttle.update(good).expect("it works");
        let _ = throttle.hit("a").await.expect("a decision");
        let before = seen(&registry, &throttle).await;
        for (bad, says) in bad() {
            let error = throttle.update(bad).expect_err(says).to_string();
            assert!(error.contains(says) && error.contains("`t`"), "{error}");
            assert_eq!(seen(&registry, &throttle).await, before, "{says}");
        }
    }
}

#[tokio::test]
async fn b105_b106_an_update_of_nobody_is_a_mistake() {
    let registry = Registry::default();
    let error = registry.update("nobody", Settings::new().rate("1/min")).expect_err("unknown");
    assert!(error.to_string().contains("names `nobody`, but no throttle"), "{error}");
}

/// One error contains all mistakes.
#[tokio::test]
async fn b106_a_refused_update_says_all_that_is_wrong() {
    let throttle = Registry::default().create("t", Settings::new().rate("1/min")).expect("a throttle");
    let error = throttle.update(Settings::new().rate("1/mn").on_error(fallback("redis"))).expect_err("twice");
    assert_eq!(error.problems().len(), 2, "{error}");
}
