//! The bound: random schedules, compared with a single backend that sees all requests.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;

use super::{Fault, World, now};
use crate::backend::Backend;
use crate::rate::Rate;
use crate::strategy::{
    Adaptive, Arrival, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue, PriorityQueue,
    QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, State, Strategy, TieredRate, TokenBucket,
    TokenBucketWithDebt,
};

/// Strategies for which both backends together decide as a single backend would.
static EXACT: &[&dyn Strategy] = &[
    &FixedWindow,
    &SlidingWindowCounter,
    &SlidingWindowLog,
    &TokenBucket::new(),
    &TokenBucket::new().burst(7),
    &TokenBucketWithDebt::new().burst(4).max_debt(3),
    &LeakyBucket,
    &LeakyBucketQueue::new(),
    &LeakyBucketQueue::new().size(6),
    &Gcra::new().burst(5),
    &Gcra::new().tolerance(Duration::from_millis(1_234)),
    &PriorityQueue::new(),
    &TieredRate::new(),
];

/// The next step of a schedule.
#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(u64),
    Ask(u64),
    /// The primary becomes unreachable.
    Fail,
    /// The primary is back, with its old states or empty.
    Recover {
        is_empty: bool,
    },
    /// A payment that fails.
    PayInVain(Fault),
    /// A payment.
    Pay,
}

fn step() -> impl Random<Value = Step> {
    let wait = prop_oneof![Just(0_u64), 0..2_000_u64, 0..400_000_u64, 0..2_000_000_u64];
    let faults = vec![Fault::Refused, Fault::Lost, Fault::Unheard];
    prop_oneof![
        6 => wait.prop_map(Step::Wait),
        8 => prop_oneof![9 => 1..4_u64, 1 => 0..12_u64].prop_map(Step::Ask),
        2 => Just(Step::Fail),
        2 => any::<bool>().prop_map(|is_empty| Step::Recover { is_empty }),
        1 => prop::sample::select(faults).prop_map(Step::PayInVain),
        1 => Just(Step::Pay),
    ]
}

fn rates() -> impl Random<Value = Vec<Rate>> {
    let rate = (1..12_u64, 100..3_000_u64)
        .prop_map(|(limit, millis)| Rate::new(limit, Duration::from_millis(millis)).expect("a rate"));
    prop::collection::vec(rate, 1..4)
}

/// Runs a schedule. Returns the time and the cost of each admission.
fn run(world: &World, steps: &[Step]) -> Vec<(u64, u64)> {
    let (mut is_down, mut admitted) = (false, Vec::new());
    for step in steps {
        match *step {
            Step::Wait(micros) => world.advance(micros),
            Step::Fail => is_down = true,
            Step::Recover { is_empty } => {
                // If the fallback has not decided about the identity, its usage cannot be restored.
                if is_down && is_empty && world.owes(0) {
                    let _ = world.primary.reset().ready();
                }
                is_down = false;
            }
            Step::PayInVain(fault) => {
                let fault = if is_down { Fault::Lost } else { fault };
                world.primary.fails(Some(fault));
                let _ = now(world.pays(0));
                world.primary.fails(None);
            }
            Step::Pay if is_down => {}
            Step::Pay => now(world.pays(0)).expect("a primary"),
            Step::Ask(cost) if is_down || world.owes(0) => {
                if now(world.asks_standby(0, cost)) {
                    admitted.push((world.now(), cost));
                }
            }
            Step::Ask(cost) => {
                if now(world.asks_primary(cost)) {
                    admitted.push((world.now(), cost));
                }
            }
        }
    }
    admitted
}

/// Returns the first admission that a single backend would have denied.
fn first_too_much(strategy: &dyn Strategy, rates: &[Rate], admitted: &[(u64, u64)]) -> Option<(u64, u64)> {
    let mut states = vec![State::EMPTY; rates.len()];
    admitted.iter().copied().find(|&(at, cost)| {
        let mut is_too_much = false;
        for (state, rate) in states.iter_mut().zip(rates) {
            let step = strategy.step(state, &Arrival::new(*rate, cost, at));
            is_too_much |= !step.quota.fits();
            *state = step.state;
        }
        is_too_much
    })
}

/// Returns the maximum number of units, over all periods, by which the admissions exceed a bucket of this size.
pub(super) fn over_bucket(admitted: &[(u64, u64)], burst: u64, rate: Rate) -> u64 {
    let mut over = 0;
    for (first, &(from, _)) in admitted.iter().enumerate() {
        let mut units = 0;
        for &(to, cost) in &admitted[first..] {
            units += cost;
            let refilled =
                u128::from(to - from) * u128::from(rate.limit()) / u128::from(rate.period_micros());
            over = over.max(units.saturating_sub(burst + u64::try_from(refilled).expect("units")));
        }
    }
    over
}

/// Returns the maximum number of units within an aligned window.
fn most_in_window(admitted: &[(u64, u64)], rate: Rate) -> u64 {
    let window = |at: u64| at / rate.period_micros();
    let in_window = |of: u64| admitted.iter().filter(|(at, _)| window(*at) == of).map(|(_, cost)| cost).sum();
    admitted.iter().map(|(at, _)| in_window(window(*at))).max().unwrap_or_default()
}

proptest! {
    #[test]
    fn one_instance_admits_what_a_single_backend_admits(
        strategy in prop::sample::select(EXACT),
        rates in rates(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let world = World::new(strategy, &rates, 1);
        let admitted = run(&world, &steps);
        prop_assert_eq!(first_too_much(strategy, &rates, &admitted), None, "{:?}", admitted);
    }

    #[test]
    fn one_instance_keeps_the_bound_of_strategies_that_know_more(
        rates in rates(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let rate = rates[0];
        let rates = &rates[..1];
        let bucket = World::new(const { &CostBasedTokenBucket::new() }, rates, 1);
        prop_assert_eq!(over_bucket(&run(&bucket, &steps), rate.limit(), rate), 0);
        let adaptive = World::new(const { &Adaptive::new() }, rates, 1);
        prop_assert!(most_in_window(&run(&adaptive, &steps), rate) <= rate.limit());
        let rollover = World::new(const { &QuotaWithRollover::new() }, rates, 1);
        prop_assert!(most_in_window(&run(&rollover, &steps), rate) <= 2 * rate.limit());
    }
}
