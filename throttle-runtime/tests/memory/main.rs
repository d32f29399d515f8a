//! The memory backend: bounded, exact, all or nothing.

mod bytes;
mod evicted;
mod newcomers;
mod returns;
mod set_back;

use std::time::Duration;

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use throttle_runtime::backend::{Backend, Charge, Memory, Mode};
use throttle_runtime::strategy::{Arrival, FixedWindow, Gcra, State, Step, Strategy, TokenBucket};
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
    let sketches = 2 << 20;
    for key in 0..20_000_u32 {
        assert!(throttle.hit(key).await.expect("a decision").is_allowed());
    }
    assert_eq!(memory.len(), 1_000);
    assert_eq!(memory.evictions() + memory.len() as u64, 20_000);
    assert!(memory.bytes() <= bytes + 64 * 1024 + sketches, "{}", memory.bytes());
    clock.advance(Duration::from_secs(60));
    let _ = throttle.hit(1_000_000_u32).await.expect("a decision");
    assert!(memory.bytes() <= bytes + 64 * 1024, "{} when the evicted states have ended", memory.bytes());
}

/// However large the flood, no client is admitted more often than its limit.
#[tokio::test]
async fn an_evicted_identity_never_regains_what_it_had_used() {
    let clock = ManualClock::new();
    let (throttle, _, memory) = throttle(64, "10/day", &clock).await;
    let mut allowed = std::collections::HashMap::new();
    for round in 0..20_u32 {
        for key in 0..1_000_u32 {
            // Some clients return repeatedly, so that they are evicted at every stage.
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
    assert_eq!(throttle.quotas(1_000_001_u32).await.expect("a decision").remaining(), Some(10));
}

/// As with a clock that continues while the machine sleeps: the quota that became available meanwhile is at
/// most one allowance.
#[tokio::test]
async fn hours_that_pass_at_once_give_one_allowance() {
    let clock = ManualClock::new();
    let (throttle, _, _) = throttle(64, "10/min", &clock).await;
    for hours in 1..10 {
        for asked in 0..15 {
            let decision = throttle.hit("a").await.expect("a decision");
            assert_eq!(decision.is_allowed(), asked < 10, "{asked} before {hours} hours");
        }
        clock.advance(Duration::from_secs(hours * 3_600));
    }
}

/// Counts like `FixedWindow`, and panics on a cost of 13.
#[derive(Debug)]
struct Superstitious;

impl Strategy for Superstitious {
    fn name(&self) -> &'static str {
        "superstitious"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        assert_ne!(arrival.cost, 13, "it brings bad luck");
        FixedWindow.step(state, arrival)
    }
}

/// A strategy is called while its identity's page is locked.
#[tokio::test]
async fn a_strategy_that_panics_leaves_no_lock_and_no_charge() {
    let registry = Registry::default();
    let settings = Settings::new().rate("20/day").strategy(Superstitious);
    let throttle = registry.create("t", settings).expect("a throttle");
    for used in 0..20 {
        let panics = throttle.clone();
        let hit = async move { panics.hit(Hit::new("a").cost(13)).await };
        assert!(tokio::spawn(hit).await.is_err_and(|error| error.is_panic()));
        let decision = throttle.hit("a").await.expect("a decision");
        assert_eq!((decision.is_allowed(), decision.remaining()), (true, Some(19 - used)));
    }
    assert!(throttle.hit("a").await.expect("a decision").is_throttled());
}

/// Throttles do not share evicted states.
#[tokio::test]
async fn evicted_clients_inherit_from_their_own_throttle_only() {
    let clock = ManualClock::new();
    let (throttle, registry, memory) = throttle(64, "10/day", &clock).await;
    let other = registry.create("other", Settings::new().rate("10/day")).expect("a throttle");
    for key in 0..1_000_u32 {
        let _ = throttle.hit(key).await.expect("a decision");
    }
    assert!(memory.evictions() > 0);
    let (mut new, mut others) = (0, 0);
    for key in 0..1_000_u32 {
        assert!(throttle.quotas(key).await.expect("a decision").remaining() <= Some(9), "its own: {key}");
        new += u32::from(throttle.quotas(5_000 + key).await.expect("a decision").remaining() == Some(10));
        others += u32::from(other.quotas(key).await.expect("a decision").remaining() == Some(10));
    }
    assert!(new >= 990 && others == 1_000, "{new} new clients have all, {others} of another throttle");
}

/// Two throttles of one decision lock the shards of two identities. Others lock the same shards in the other
/// order.
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
                    memory.decide(&charges, Mode::Consume).ready().expect("at once").expect("a verdict");
                assert!(verdict.quotas.iter().all(Quota::fits));
            }
            done.send(()).expect("the test waits");
        });
    }
    for _ in 0..4 {
        finished.recv_timeout(Duration::from_secs(60)).expect("no thread waits for another");
    }
}

/// Some identities are limited for a day, the others for a second. Floods of the latter do not evict the
/// former.
#[tokio::test]
async fn what_expires_first_makes_room() {
    let clock = ManualClock::new();
    let (_, registry, memory) = throttle(1_000, "1/min", &clock).await;
    let daily = registry.create("daily", Settings::new().rate("1/day")).expect("a throttle");
    let flood = registry.create("flood", Settings::new().rate("1000/s")).expect("a throttle");
    for key in 0..64_u32 {
        let _ = daily.hit(key).await.expect("a decision");
    }
    for key in 0..20_000_u32 {
        let _ = flood.hit(key).await.expect("a decision");
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
            let _ = throttle.hit((round, key)).await.expect("a decision");
        }
        clock.advance(Duration::from_secs(60));
    }
    assert!(memory.len() < 8_000, "{}", memory.len());
    assert_eq!(memory.evictions(), 0);
}

#[tokio::test]
async fn checking_stores_nothing_and_a_denied_request_changes_nothing() {
    let clock = ManualClock::new();
    let (throttle, registry, memory) = throttle(1_000, "1/min", &clock).await;
    let _ = throttle.peek("a").await.expect("a decision");
    let _ = throttle.hit(Hit::new("a").cost(2)).await.expect("a decision");
    assert!(memory.is_empty());
    let _ = throttle.hit("a").await.expect("a decision");
    assert_eq!(memory.len(), 1);
    registry.reset().await.expect("reset");
    assert!(memory.is_empty());
}

/// A clock whose coarse time is behind by more than it declares.
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

/// Two throttles that differ only in their clocks.
async fn exact_and_late(settings: Settings, clock: &ManualClock) -> [Throttle; 2] {
    let exact = Memory::builder().max_keys(64).clock(clock.clone()).build();
    let late = Memory::builder().max_keys(64).clock(Late(clock.clone())).build();
    let mut throttles = Vec::new();
    for memory in [exact, late] {
        let registry = registry().backend("memory", memory).build().await.expect("a registry");
        throttles.push(registry.create("t", settings.clone()).expect("a throttle"));
    }
    throttles.try_into().expect("two of them")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 200 }))]

    /// A late coarse time neither admits nor denies a request: not at the boundary of a window, and not when a
    /// place in the table is reused.
    #[test]
    fn b081_what_is_admitted_does_not_depend_on_the_coarse_time(
        strategy in 0..3_usize,
        period in prop::sample::select(&[800, 1_000, 1_500, 60_000][..]),
        steps in prop::collection::vec((prop_oneof![0..3_u64, 0..40_000_u64, 0..2_000_000_u64, 0..90_000_000_u64], 0..3_u32, 1..4_u64), 1..120),
    ) {
        let clock = ManualClock::new();
        let rate = Rate::new(5, Duration::from_millis(period)).expect("a rate");
        let settings = match strategy {
            0 => Settings::new().rate(rate),
            1 => Settings::new().rate(rate).strategy(Gcra::new().burst(5)),
            _ => Settings::new().rate(rate).strategy(TokenBucket::new().burst(8)),
        };
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
            let [exact, late] = exact_and_late(settings, &clock).await;
            for (micros, key, cost) in steps {
                clock.advance(Duration::from_micros(micros));
                let hit = || Hit::new(key).cost(cost);
                let (exact, late) = (exact.hit(hit()).await.expect("a decision"), late.hit(hit()).await.expect("a decision"));
                prop_assert_eq!(exact.is_allowed(), late.is_allowed());
                let lag = late.retry_after().unwrap_or_default().checked_sub(exact.retry_after().unwrap_or_default());
                prop_assert!(lag.is_some_and(|lag| lag <= LATE), "a wait is long enough, and at most a little longer");
            }
            Ok(())
        })?;
    }
}
