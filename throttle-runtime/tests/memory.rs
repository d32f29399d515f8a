//! The memory backend: bounded, exact, all or nothing.

use std::time::Duration;

use throttle_runtime::backend::{Backend, Charge, Memory, Mode};
use throttle_runtime::strategy::{FixedWindow, Gcra};
use throttle_runtime::{Clock, Hit, Key, ManualClock, Quota, Rate, Registry, Settings, Throttle, registry};

async fn throttle(
    max_keys: usize,
    rate: &str,
    clock: &ManualClock,
) -> (Throttle, Registry, std::sync::Arc<Memory>) {
    let memory = std::sync::Arc::new(Memory::builder().max_keys(max_keys).clock(clock.clone()).build());
    let registry = registry().backend("memory", memory.clone()).build().await.expect("a registry");
    let throttle = registry.create("t", Settings::new().rate(rate.parse::<Rate>().expect("a rate")));
    (throttle.expect("a throttle"), registry, memory)
}

#[tokio::test]
async fn memory_stays_within_its_bound_and_counts_evictions() {
    let clock = ManualClock::new();
    let (throttle, _, memory) = throttle(1_000, "1000/min", &clock).await;
    let bytes = memory.bytes();
    for key in 0..20_000_u32 {
        assert!(throttle.hit(key).await.expect("a decision").is_allowed());
    }
    assert_eq!(memory.len(), 1_000);
    assert_eq!(memory.evictions() + memory.len() as u64, 20_000);
    assert!(memory.bytes() <= bytes + 64 * 1024, "{}", memory.bytes());
}

/// However large the flood: nobody is let through more often than the limit says.
#[tokio::test]
async fn an_evicted_identity_never_regains_what_it_had_used() {
    let clock = ManualClock::new();
    let (throttle, _, memory) = throttle(64, "10/day", &clock).await;
    let mut allowed = std::collections::HashMap::new();
    for round in 0..20_u32 {
        for key in 0..1_000_u32 {
            // Some come again and again, so that they are evicted at every stage.
            let key = if key % 3 == 0 { key % 7 } else { key + 1_000 * round };
            if throttle.hit(key).await.expect("a decision").is_allowed() {
                *allowed.entry(key).or_insert(0) += 1;
            }
        }
    }
    assert!(memory.evictions() > 100, "{}", memory.evictions());
    assert_eq!(allowed.values().max(), Some(&10));
    clock.advance(Duration::from_secs(24 * 3600));
    assert!(
        throttle.hit(1_000_000_u32).await.expect("a decision").is_allowed(),
        "until it would have expired"
    );
    assert_eq!(throttle.stat(1_000_001_u32).await.expect("a decision").remaining(), Some(10));
}

/// What one throttle has to forget is nothing to another.
#[tokio::test]
async fn newcomers_inherit_from_their_own_throttle_only() {
    let clock = ManualClock::new();
    let (throttle, registry, memory) = throttle(64, "10/day", &clock).await;
    let other = registry.create("other", Settings::new().rate("10/day")).expect("a throttle");
    for key in 0..1_000_u32 {
        throttle.hit(key).await.expect("a decision");
    }
    assert!(memory.evictions() > 0);
    assert!(throttle.stat(5_000_u32).await.expect("a decision").remaining() < Some(10));
    assert_eq!(other.stat(5_000_u32).await.expect("a decision").remaining(), Some(10));
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
                let rates = [Rate::per_second(1_000_000_000)];
                let charges = [first, second].map(|key| Charge::new("t", key, &FixedWindow, &rates, 1));
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

/// Some identities are limited for a day, the others for a second: floods of these do not drive them out.
#[tokio::test]
async fn what_expires_first_makes_room() {
    let clock = ManualClock::new();
    let (_, registry, memory) = throttle(1_000, "1/min", &clock).await;
    let daily = registry.create("daily", Settings::new().rate("1/day")).expect("a throttle");
    let flood = registry.create("flood", Settings::new().rate("1000/s")).expect("a throttle");
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
    let (throttle, _, memory) = throttle(1_000_000, "1/min", &clock).await;
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
    let (throttle, registry, memory) = throttle(1_000, "1/min", &clock).await;
    throttle.peek("a").await.expect("a decision");
    throttle.hit(Hit::new("a").cost(2)).await.expect("a decision");
    assert!(memory.is_empty());
    throttle.hit("a").await.expect("a decision");
    assert_eq!(memory.len(), 1);
    registry.reset().await.expect("reset");
    assert!(memory.is_empty());
}

/// A clock whose coarse time is late, by more than it says.
#[derive(Debug)]
struct Late(ManualClock);

const LATE: Duration = Duration::from_millis(20);

impl Clock for Late {
    fn now(&self) -> u64 {
        self.0.now()
    }

    fn coarse(&self) -> u64 {
        self.0.now() - 20_000
    }

    fn tick(&self) -> u64 {
        4_000
    }
}

#[tokio::test]
async fn b082_who_has_waited_is_admitted_however_late_the_coarse_time_is() {
    let clock = ManualClock::new();
    let memory = Memory::builder().clock(Late(clock.clone())).build();
    let registry = registry().backend("memory", memory).build().await.expect("a registry");
    let gcra = Settings::new().strategy(Gcra::new().burst(3));
    for (uid, settings) in [("window", Settings::new()), ("gcra", gcra)] {
        let throttle = registry.create(uid, settings.rate("3/min")).expect("a throttle");
        for round in 0..20 {
            let mut allowed = 0;
            let wait = loop {
                match throttle.hit("a").await.expect("a decision").retry_after() {
                    Some(wait) => break wait,
                    None => allowed += 1,
                }
            };
            assert!(allowed > 0, "{uid}: whoever has waited is admitted, round {round}");
            let last = LATE + Duration::from_micros(1);
            clock.advance(wait.checked_sub(last).expect("a long wait"));
            assert!(throttle.hit("a").await.expect("a decision").is_throttled(), "{uid}: not before");
            clock.advance(last);
        }
    }
}
