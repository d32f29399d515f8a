//! An evicted client never gets more than its limit.

use std::time::Duration;

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_oneof, proptest};
use throttle_runtime::backend::{Backend, Charge, Memory, Mode};
use throttle_runtime::strategy::{
    Adaptive, Arrival, Calendar, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
    Multiplier, PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, State, Step,
    Strategy, TieredRate, TimeOfDay, TokenBucket, TokenBucketWithDebt,
};
use throttle_runtime::{Key, ManualClock, Quota, Rate, Rates};

/// Counts in windows like `FixedWindow`, but its type is unknown to the backend.
#[derive(Debug)]
struct OfAUser;

impl Strategy for OfAUser {
    fn name(&self) -> &'static str {
        "of-a-user"
    }

    fn step(&self, state: &State, arrival: &Arrival) -> Step {
        FixedWindow.step(state, arrival)
    }
}

pub(crate) fn strategies() -> Vec<Box<dyn Strategy>> {
    vec![
        Box::new(FixedWindow),
        Box::new(SlidingWindowLog),
        Box::new(SlidingWindowCounter),
        Box::new(TokenBucket::new()),
        Box::new(TokenBucketWithDebt::new().max_debt(2)),
        Box::new(LeakyBucket),
        Box::new(Gcra::new().burst(5)),
        Box::new(LeakyBucketQueue::new()),
        Box::new(CostBasedTokenBucket::new()),
        Box::new(TieredRate::of("free", Multiplier::new(1))),
        Box::new(PriorityQueue::new()),
        Box::new(QuotaWithRollover::new()),
        Box::new(Adaptive::new()),
        Box::new(Adaptive::new().load(|| 900)),
        Box::new(TimeOfDay::in_zone("UTC")),
        Box::new(Calendar::in_zone("UTC")),
        Box::new(OfAUser),
    ]
}

pub(crate) fn memory(max_keys: usize, clock: &ManualClock) -> Memory {
    Memory::builder().max_keys(max_keys).clock(clock.clone()).build()
}

pub(crate) fn quotas(
    memory: &Memory,
    scope: &str,
    key: &Key,
    limit: (&dyn Strategy, &Rates),
    cost: u64,
) -> Vec<Quota> {
    let charges = [Charge::new(scope, key, limit.0, limit.1, cost)];
    memory.decide(&charges, Mode::Consume).ready().expect("at once").expect("a verdict").quotas.to_vec()
}

pub(crate) fn hit(memory: &Memory, scope: &str, key: impl Into<Key>, limit: (&dyn Strategy, &Rates)) -> bool {
    quotas(memory, scope, &key.into(), limit, 1).iter().all(Quota::fits)
}

fn rates(rates: &str) -> Rates {
    rates.parse().expect("rates")
}

/// The clients consume quota, are evicted, and come back within the minute.
fn come_back(
    strategy: &dyn Strategy,
    limits: &str,
    (max_keys, flood): (usize, u32),
    others: &[(&str, &str)],
) {
    let clock = ManualClock::new();
    let memory = memory(max_keys, &clock);
    let limits = rates(limits);
    let once = |key: u32| hit(&memory, "t", key, (strategy, &limits));
    let mut admitted = [0; 20];
    for used in 0..4 {
        for (key, admitted) in (0..).zip(&mut admitted) {
            // The first client uses nothing, the next uses 1, the next 2, and so on.
            *admitted += u32::from(key % 5 > used && once(key));
        }
    }
    for round in 0..2_u32 {
        for client in 0..flood {
            hit(&memory, "t", 1_000_000 * (round + 1) + client, (strategy, &limits));
            for (scope, limits) in others {
                hit(&memory, scope, client + round, (&FixedWindow, &rates(limits)));
            }
        }
        for (key, admitted) in (0..).zip(&mut admitted) {
            *admitted += (0..3).map(|_| u32::from(once(key))).sum::<u32>();
        }
    }
    let most = if strategy.name() == "token-bucket-with-debt" { 7 } else { 5 };
    assert!(memory.evictions() > 100);
    assert!(admitted.iter().all(|admitted| *admitted <= most), "{strategy:?} {limits}: {admitted:?}");
}

#[test]
fn f01_evicted_clients_get_no_more_than_any_of_several_limits() {
    for strategy in strategies() {
        come_back(&*strategy, "5/min, 1000/day", (64, 300), &[]);
    }
}

#[test]
fn f01_evicted_clients_get_no_more_than_a_single_limit() {
    for strategy in strategies() {
        come_back(&*strategy, "5/min", (64, 300), &[]);
        come_back(&*strategy, "5/30days", (64, 300), &[]);
    }
    come_back(&FixedWindow, "5/min, 1000/day", (1_000, 4_000), &[]);
}

#[test]
fn f01_evicted_clients_get_no_more_whatever_shares_the_table() {
    for strategy in strategies() {
        let others = [("a", "1/day"), ("b", "10000/day, 3/s"), ("c", "7/hour")];
        come_back(&*strategy, "5/min, 500/hour", (64, 200), &others);
    }
}

/// There are more limits than the table has numbers for limits.
#[test]
fn f01_evicted_clients_of_ever_new_throttles_get_no_more_than_their_limit() {
    let clock = ManualClock::new();
    let (memory, limits) = (memory(64, &clock), rates("2/min"));
    let mut denied = 0;
    for throttle in 0..40_000_u32 {
        let scope = format!("t{throttle}");
        let once = || hit(&memory, &scope, "a", (&FixedWindow, &limits));
        denied += u32::from(!once());
        once();
    }
    assert!(denied <= 40, "{denied} new throttles");
    let again = |throttle: u32| hit(&memory, &format!("t{throttle}"), "a", (&FixedWindow, &limits));
    assert!(!(0..40_000).step_by(97).any(again));
    clock.advance(Duration::from_secs(60));
    assert!((0..40_000).step_by(97).all(again), "until the window ends");
    assert!(memory.bytes() < 16 << 20, "{}", memory.bytes());
}

/// A client that was told to wait may be told to wait a little longer, but not for a whole period again.
#[test]
fn f01_the_wait_of_an_evicted_client_stays_true() {
    for strategy in strategies() {
        let clock = ManualClock::new();
        let (memory, limits) = (memory(64, &clock), rates("4/min"));
        let limit: (&dyn Strategy, &Rates) = (&*strategy, &limits);
        while hit(&memory, "t", "a", limit) {
            clock.advance(Duration::from_secs(2));
        }
        let wait = |key: &str| {
            let quotas = quotas(&memory, "t", &key.into(), limit, 1);
            quotas[0].retry_after().unwrap_or_default()
        };
        let told = wait("a");
        for client in 0..2_000_u32 {
            hit(&memory, "other", client, (&FixedWindow, &rates("1/hour")));
        }
        let again = wait("a");
        assert!(again >= told, "{strategy:?}: {again:?} after {told:?}");
        assert!(again <= told + Duration::from_secs(60), "{strategy:?}: {again:?} after {told:?}");
        clock.advance(again);
        assert!(hit(&memory, "t", "a", limit), "{strategy:?}");
    }
}

#[test]
fn f01_a_reset_client_does_not_inherit_what_it_had_used() {
    for strategy in strategies() {
        let clock = ManualClock::new();
        let (memory, limits) = (memory(64, &clock), rates("5/min, 1000/day"));
        let limit: (&dyn Strategy, &Rates) = (&*strategy, &limits);
        let flood = |round: u32| {
            for client in 0..1_000_u32 {
                hit(&memory, "other", (round, client), (&FixedWindow, &rates("1/hour")));
            }
        };
        let use_up = || (0..10).filter(|_| hit(&memory, "t", "a", limit)).count();
        let most = use_up();
        flood(0);
        assert_eq!(use_up(), 0, "{strategy:?}");
        let key = Key::from("a");
        let reset = [Charge::new("t", &key, &*strategy, &limits, 1)];
        memory.forget(&reset).ready().expect("at once").expect("forgotten");
        flood(1);
        assert_eq!(use_up(), most, "{strategy:?}: a reset gives everything back");
        flood(2);
        assert_eq!(use_up(), 0, "{strategy:?}: but once");
    }
}

#[test]
fn f01_a_refund_after_an_eviction_gives_back_no_more_than_was_taken() {
    for strategy in strategies() {
        let clock = ManualClock::new();
        let (memory, limits) = (memory(64, &clock), rates("5/min"));
        let limit: (&dyn Strategy, &Rates) = (&*strategy, &limits);
        let key = Key::from("a");
        let at = clock_now(&clock);
        let mut admitted = u32::from(hit(&memory, "t", "a", limit));
        admitted += (0..10).map(|_| u32::from(hit(&memory, "t", "a", limit))).sum::<u32>();
        for round in 0..3_u32 {
            for client in 0..1_000_u32 {
                hit(&memory, "other", (round, client), (&FixedWindow, &rates("1/hour")));
            }
            hit(&memory, "t", "a", limit);
            if round == 1 {
                let refund = [Charge::new("t", &key, &*strategy, &limits, 1)];
                memory.refund(&refund, at).ready().expect("at once").expect("a refund");
                admitted -= 1;
            }
            admitted += (0..10).map(|_| u32::from(hit(&memory, "t", "a", limit))).sum::<u32>();
        }
        let most = if strategy.name() == "token-bucket-with-debt" { 7 } else { 5 };
        assert!(admitted <= most, "{strategy:?}: {admitted}");
    }
}

fn clock_now(clock: &ManualClock) -> u64 {
    use throttle_runtime::Clock;
    clock.now()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A table that evicts nothing admits every request that a small table admits.
    #[test]
    fn f01_a_table_that_evicts_admits_nothing_that_a_larger_one_denies(
        strategy in 0..17_usize,
        limits in prop::sample::select(&["5/s", "1/s", "3/s, 20/min", "5/min, 8/hour", "30/s, 40/min", "300/s"][..]),
        steps in prop::collection::vec(
            (prop_oneof![6 => 0..30_000_u64, 2 => 0..900_000_u64, 1 => 0..4_000_000_u64], 0..400_u32, 0..7_u64),
            1_000,
        ),
    ) {
        let clock = ManualClock::new();
        let (small, large) = (memory(64, &clock), memory(10_000, &clock));
        let (strategy, limits) = (&*strategies()[strategy], rates(limits));
        for (micros, key, cost) in steps {
            clock.advance(Duration::from_micros(micros));
            // Some clients come far more often than others.
            let key = Key::from(if key % 3 == 0 { key % 11 } else { key });
            let cost = if cost > 4 { 1 } else { cost };
            let fits = |memory| quotas(memory, "t", &key, (strategy, &limits), cost).iter().all(Quota::fits);
            if fits(&small) {
                prop_assert!(fits(&large), "{:?} {} of {:?}", strategy, cost, key);
            }
        }
    }
}

#[test]
fn f01_refused_rates_do_not_panic() {
    let memory = memory(64, &ManualClock::new());
    let limits = Rates::from(Rate::per_day(u64::MAX));
    for client in 0..1_000_u32 {
        quotas(&memory, "t", &client.into(), (&FixedWindow, &limits), u64::MAX / 3);
    }
    assert!(
        quotas(&memory, "t", &0_u32.into(), (&FixedWindow, &limits), u64::MAX / 3).iter().all(Quota::fits)
    );
    assert!(
        !quotas(&memory, "t", &0_u32.into(), (&FixedWindow, &limits), u64::MAX / 2).iter().all(Quota::fits)
    );
}
