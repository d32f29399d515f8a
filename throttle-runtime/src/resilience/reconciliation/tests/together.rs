//! Concurrent requests, of one instance and of several instances.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::{DEADLINE, World, now};
use crate::backend::Backend;
use crate::clock::Clock;
use crate::key::Key;
use crate::rate::Rate;
use crate::strategy::{
    FixedWindow, Gcra, LeakyBucket, SlidingWindowCounter, SlidingWindowLog, Strategy, TokenBucket,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_uses_at_once_admit_what_is_left() {
    for _ in 0..20 {
        let world = World::with(const { &TokenBucket::new() }, &[Rate::per_hour(50)], 1, 2);
        assert!(world.asks_primary(30).await);
        let world = Arc::new(world);
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.asks_standby(0, 1).await })
            })
            .collect();
        let mut admitted = 0;
        for task in tasks {
            admitted += u64::from(task.await.expect("a task"));
        }
        assert_eq!(admitted, 20);
        world.pays(0).await.expect("a primary");
        assert_eq!((world.owes(0), world.left_at_primary().await), (false, 0));
    }
}

#[tokio::test]
async fn everything_is_paid_a_few_at_a_time() {
    let mut world = World::with(&FixedWindow, &[Rate::per_hour(10)], 1, 2);
    for number in 0..100_u64 {
        world.key = Key::from(number);
        assert!(world.asks_standby(0, number % 10 + 1).await);
    }
    let clock: &dyn Clock = &world.clock;
    world.instances[0].reconciler.pay_all(&world.primary, DEADLINE, clock).await.expect("a primary");
    for number in 0..100_u64 {
        world.key = Key::from(number);
        assert_eq!((world.owes(0), world.left_at_primary().await), (false, 9 - number % 10));
    }
}

static STRATEGIES: &[&dyn Strategy] = &[
    &FixedWindow,
    &SlidingWindowCounter,
    &SlidingWindowLog,
    &TokenBucket::new(),
    &LeakyBucket,
    &Gcra::new(),
];

/// The instance, the wait in microseconds since the previous request, and the cost.
type Request = (usize, u64, u64);

fn requests() -> impl proptest::strategy::Strategy<Value = Vec<Request>> {
    let wait = prop_oneof![Just(0_u64), 0..300_000_u64];
    prop::collection::vec((0..3_usize, wait, 1..4_u64), 0..60)
}

/// The time and the units of each admission.
type Admitted = Vec<(u64, u64)>;

/// All instances call the primary, then each calls its fallback. Then all pay, and call the primary again.
fn run(world: &World, phases: [&[Request]; 3], is_empty: bool) -> Admitted {
    let (mut admitted, fleet) = (Admitted::new(), world.instances.len());
    for (phase, requests) in phases.into_iter().enumerate() {
        for &(who, wait, cost) in requests {
            world.advance(wait);
            let fits = match phase {
                1 => now(world.asks_standby(who % fleet, cost)),
                _ => now(world.asks_primary(cost)),
            };
            if fits {
                admitted.push((world.now(), cost));
            }
        }
        if phase == 1 {
            if is_empty && (0..fleet).any(|instance| world.owes(instance)) {
                let _ = world.primary.reset().ready();
            }
            (0..fleet).for_each(|instance| now(world.pays(instance)).expect("a primary"));
        }
    }
    admitted
}

/// Returns the maximum number of units in any period that begins with an admission.
fn most_in_period(admitted: &Admitted, period: u64) -> u64 {
    let within = |from: u64| admitted.iter().filter(move |(at, _)| (from..from + period).contains(at));
    admitted.iter().map(|(from, _)| within(*from).map(|(_, cost)| cost).sum()).max().unwrap_or_default()
}

/// Returns by how many units the admissions exceed the strategy's own bound.
fn excess(strategy: &dyn Strategy, rate: Rate, admitted: &Admitted) -> u64 {
    let (limit, period) = (rate.limit(), rate.period_micros());
    match strategy.name() {
        "fixed-window" => {
            let windows = admitted.iter().map(|(at, cost)| (at / period * period, *cost)).collect();
            most_in_period(&windows, 1).saturating_sub(limit)
        }
        "sliding-window-log" => most_in_period(admitted, period).saturating_sub(limit),
        "sliding-window-counter" => most_in_period(admitted, period).saturating_sub(2 * limit - 1),
        name => {
            let burst = if name == "gcra" { 1 } else { limit };
            super::bounds::over_bucket(admitted, burst, rate)
        }
    }
}

proptest! {
    #[test]
    fn a_fleet_admits_the_limit_and_a_unit_for_each_other(
        strategy in prop::sample::select(STRATEGIES),
        (limit, millis) in (3..20_u64, 100..3_000_u64),
        instances in 2..4_u32,
        (before, outage, after) in (requests(), requests(), requests()),
        is_empty: bool,
    ) {
        let rate = Rate::new(limit, Duration::from_millis(millis)).expect("a rate");
        let world = World::new(strategy, &[rate], instances);
        let admitted = run(&world, [&before, &outage, &after], is_empty);
        let excess = excess(strategy, rate, &admitted);
        prop_assert!(excess < u64::from(instances), "{excess} more than the limit: {admitted:?}");
    }
}
