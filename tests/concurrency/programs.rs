//! Permits that programs acquire: `Throttle::permit`, and functions that are not handlers.

use std::sync::Arc;

use throttle::{DecisionReason, Hit, ManualClock, Registry, Settings, ThrottleError, throttle_fn};

use crate::common::registry_at;
use crate::gate::Gate;

fn denied<T: std::fmt::Debug>(answer: Result<T, ThrottleError>) -> Option<u32> {
    match answer.expect_err("as many are in flight as may be") {
        ThrottleError::Throttled(throttled) => throttled.max_concurrent(),
        failed => panic!("{failed:?}"),
    }
}

#[tokio::test]
async fn a_use_is_in_flight_until_it_is_dropped() {
    let registry = registry_at(&ManualClock::new()).await;
    let throttle = registry.create("a", Settings::new().max_concurrent(2)).expect("nothing is wrong");
    let first = throttle.permit("alice").await.expect("a place");
    let second = throttle.permit("alice").await.expect("a place");
    assert_eq!(first.decision().reason(), DecisionReason::Concurrency);
    assert_eq!(denied(throttle.permit("alice").await), Some(2));
    let other = throttle.permit("bob").await.expect("a place of his own");
    drop((first, other));
    let third = throttle.permit("alice").await.expect("the place of the first");
    assert_eq!(denied(throttle.permit("alice").await), Some(2));
    drop((second, third));
    let counts = throttle.counts();
    assert_eq!((counts.allowed, counts.denied), (4, 2));
}

#[tokio::test]
async fn a_use_pays_its_rate_and_a_hit_takes_no_place() {
    let registry = registry_at(&ManualClock::new()).await;
    let settings = Settings::new().rate("5/min").max_concurrent(1);
    let throttle = registry.create("a", settings).expect("nothing is wrong");
    let held = throttle.permit(Hit::new("alice").cost(3)).await.expect("a place");
    assert_eq!(held.decision().remaining(), Some(2));
    assert_eq!(denied(throttle.permit("alice").await), Some(1));
    assert_eq!(throttle.hit("alice").await.expect("a decision").remaining(), Some(1));
    assert_eq!(throttle.quotas("alice").await.expect("a decision").remaining(), Some(1));
    drop(held);
    assert_eq!(denied(throttle.permit(Hit::new("alice").cost(2)).await), None, "by the rate");
    let free = throttle.permit(Hit::new("alice").cost(0)).await.expect("free, and in flight");
    assert_eq!(denied(throttle.permit("alice").await), Some(1));
    drop(free);
    let alone = registry.create("b", Settings::new().max_concurrent(1)).expect("nothing is wrong");
    let _held = alone.permit("alice").await.expect("a place");
    assert_eq!(alone.hit("alice").await.expect("a decision").reason(), DecisionReason::Unlimited);
}

#[tokio::test]
async fn without_a_limit_on_what_is_in_flight_a_use_is_a_hit() {
    let registry = registry_at(&ManualClock::new()).await;
    let throttle = registry.create("a", Settings::new().rate("2/min")).expect("nothing is wrong");
    let _both = [throttle.permit("alice").await.expect("one"), throttle.permit("alice").await.expect("two")];
    assert!(throttle.permit("alice").await.is_err());
    registry.disable("a");
    assert_eq!(throttle.permit("alice").await.expect("off").decision().reason(), DecisionReason::Disabled);
}

/// A function with at most two concurrent calls for each name.
#[throttle_fn(uid = "job", max_concurrent = 2, key = "{name}")]
async fn job(name: &str, gate: &Gate) -> Result<usize, ThrottleError> {
    gate.wait().await;
    Ok(name.len())
}

#[tokio::test]
async fn a_function_is_in_flight_until_it_ends_or_is_dropped() {
    let (registry, gate) = (registry_at(&ManualClock::new()).await, Gate::new());
    let start = |name: &'static str| {
        let (registry, gate) = (registry.clone(), Arc::clone(&gate));
        tokio::spawn(async move { registry.scope(job(name, &gate)).await })
    };
    let now = async |name| registry.scope(job(name, &gate)).await;
    let (first, second) = (start("a"), start("a"));
    gate.filled(2).await;
    assert_eq!(denied(now("a").await), Some(2));
    second.abort();
    assert!(second.await.is_err());
    gate.let_go(1);
    assert_eq!(first.await.expect("no panic").expect("it ran"), 1);
    let again = [start("a"), start("a"), start("b")];
    gate.filled(3).await;
    assert_eq!(denied(now("a").await), Some(2));
    gate.let_go(3);
    for started in again {
        started.await.expect("no panic").expect("it ran");
    }
    assert!(Registry::default().get("job").is_some());
}
