//! The memory backend: bounded, exact, all or nothing.

use std::time::Duration;

use throttle_runtime::backend::Memory;
use throttle_runtime::{Hit, ManualClock, Registry, Settings, Throttle, registry};

async fn throttle(max_keys: usize, clock: &ManualClock) -> (Throttle, Registry, std::sync::Arc<Memory>) {
    let memory = std::sync::Arc::new(Memory::builder().max_keys(max_keys).clock(clock.clone()).build());
    let registry = registry().backend("memory", memory.clone()).build().await.expect("a registry");
    let throttle = registry.create("t", Settings::new().rate("1/min")).expect("a throttle");
    (throttle, registry, memory)
}

#[tokio::test]
async fn memory_stays_within_its_bound_and_counts_evictions() {
    let clock = ManualClock::new();
    let (throttle, _, memory) = throttle(1_000, &clock).await;
    for key in 0..20_000_u32 {
        assert!(throttle.hit(key).await.expect("a decision").is_allowed());
    }
    assert!(memory.len() <= 1_024, "{}", memory.len());
    assert_eq!(memory.evictions() + memory.len() as u64, 20_000);
}

#[tokio::test]
async fn what_has_expired_is_reclaimed_by_normal_work() {
    let clock = ManualClock::new();
    let (throttle, _, memory) = throttle(1_000_000, &clock).await;
    for round in 0..20_u32 {
        for key in 0..2_000_u32 {
            throttle.hit((round, key)).await.expect("a decision");
        }
        clock.advance(Duration::from_secs(60));
    }
    assert!(memory.len() < 8_000, "{}", memory.len());
    assert_eq!(memory.evictions(), 0);
}

#[tokio::test]
async fn peeking_stores_nothing_and_a_denied_request_changes_nothing() {
    let clock = ManualClock::new();
    let (throttle, registry, memory) = throttle(1_000, &clock).await;
    throttle.peek("a").await.expect("a decision");
    throttle.hit(Hit::new("a").cost(2)).await.expect("a decision");
    assert!(memory.is_empty());
    throttle.hit("a").await.expect("a decision");
    assert_eq!(memory.len(), 1);
    registry.reset().await.expect("reset");
    assert!(memory.is_empty());
}
