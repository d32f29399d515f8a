//! The memory backend: bounded, exact, all or nothing.

use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memory, Mode};
use throttle_runtime::strategy::FixedWindow;
use throttle_runtime::{Hit, Key, ManualClock, Quota, Rate, Registry, Settings, Throttle, registry};

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

/// Two throttles of one decision lock the shards of two identities; others lock the same in the other order.
#[test]
fn decisions_on_several_identities_never_wait_for_each_other() {
    let memory = std::sync::Arc::new(Memory::new());
    let (done, finished) = std::sync::mpsc::channel();
    for direction in 0..4_u32 {
        let (memory, done) = (memory.clone(), done.clone());
        std::thread::spawn(move || {
            for round in 0..20_000_u32 {
                let (a, b) = (Key::from(round % 64), Key::from((round + 17) % 64));
                let (first, second) = if direction % 2 == 0 { (&a, &b) } else { (&b, &a) };
                let rates = Rate::per_second(1_000_000_000).into();
                let charges = [first, second].map(|key| Charge::new("t", key, &FixedWindow, rates, 1));
                let verdict =
                    memory.decide(&charges, Mode::Take).ready().expect("at once").expect("a verdict");
                assert!(verdict.quotas.iter().all(Quota::fits));
            }
            done.send(()).expect("the test waits");
        });
    }
    for _ in 0..4 {
        finished.recv_timeout(Duration::from_secs(60)).expect("no thread waits for another");
    }
}

/// One identity in a thousand is limited for a day, the others for a second: floods of these do not drive it out.
#[tokio::test]
async fn of_those_that_are_looked_at_the_one_that_expires_first_makes_room() {
    let clock = ManualClock::new();
    let (_, registry, memory) = throttle(1_000, &clock).await;
    let daily = registry.create("daily", Settings::new().rate("1/day")).expect("a throttle");
    let flood = registry.create("flood", Settings::new().rate("1/s")).expect("a throttle");
    for key in 0..64_u32 {
        daily.hit(key).await.expect("a decision");
    }
    for key in 0..20_000_u32 {
        flood.hit(key).await.expect("a decision");
    }
    assert!(memory.evictions() > 15_000);
    for key in 0..64_u32 {
        assert!(daily.hit(key).await.expect("a decision").is_throttled(), "{key}");
    }
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
