//! Faults at numeric boundaries: the largest periods, limits and costs, and times at both ends.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Strategy as Random;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Adaptive, Arrival, CostBasedTokenBucket, Gcra, LeakyBucketQueue, Multiplier, QuotaWithRollover, State,
    Step, Strategy, TieredRate, TimeOfDay, TokenBucket, TokenBucketWithDebt,
};

use crate::common::{START, boxed, class, each, micros};

/// Numbers around every power of two at which code is likely to fail.
fn edge() -> impl Random<Value = u64> {
    let bits = select(vec![0, 1, 2, 7, 13, 14, 15, 26, 31, 32, 33, 49, 50, 51, 52, 53, 54, 61, 62, 63]);
    let near = (bits, 0..3_u64).prop_map(|(bits, step)| ((1_u64 << bits) - 1).saturating_add(step));
    prop_oneof![6 => near, 1 => u64::MAX - 3..=u64::MAX, 1 => 1..1_000_u64]
}

fn limit() -> impl Random<Value = u64> {
    edge().prop_map(|limit| limit.max(1))
}

fn largest_period() -> u64 {
    micros(Rate::MAX_PERIOD) / 1_000
}

fn rate() -> impl Random<Value = Rate> {
    let largest = largest_period();
    let millis = prop_oneof![
        Just(largest),
        largest - 1_000..largest,
        edge().prop_map(move |millis| millis.clamp(1, largest)),
    ];
    (limit(), millis)
        .prop_map(|(limit, millis)| Rate::new(limit, Duration::from_millis(millis)).expect("a rate"))
}

/// Every strategy, with parameters up to their maximum.
fn strategy() -> impl Random<Value = Box<dyn Strategy>> {
    prop_oneof![
        3 => (0..each().len()).prop_map(|index| each().swap_remove(index)),
        1 => limit().prop_map(|burst| boxed(TokenBucket::new().burst(burst))),
        1 => limit().prop_map(|size| boxed(LeakyBucketQueue::new().size(size))),
        1 => limit().prop_map(|burst| boxed(Gcra::new().burst(burst))),
        1 => edge().prop_map(|time| boxed(Gcra::new().tolerance(Duration::from_micros(time)))),
        1 => (limit(), edge())
            .prop_map(|(burst, debt)| boxed(TokenBucketWithDebt::new().burst(burst).max_debt(debt))),
        1 => (limit(), 1..=100_u8).prop_map(|(burst, percent)| {
            boxed(CostBasedTokenBucket::new().burst(burst).min_refill_rate(percent))
        }),
        1 => (1..1_000_u16, any::<bool>()).prop_map(|(recovery, own)| {
            let adaptive = Adaptive::new().recovery_rate(recovery).min_limit_ratio(1);
            boxed(if own { adaptive } else { adaptive.load(|| 0) })
        }),
        1 => edge().prop_map(|max| boxed(QuotaWithRollover::new().rollover(100).max_rollover(max))),
        1 => any::<u32>().prop_map(|times| {
            boxed(TieredRate::new().tier("somebody", Multiplier::new(times.max(1))))
        }),
        1 => (1..u32::MAX, 1..u32::MAX).prop_map(|(more, less)| {
            boxed(TimeOfDay::in_zone("UTC").window(0, 8, Multiplier::new(more)).window(8, 17, Multiplier::ratio(1, less)))
        }),
    ]
}

/// The costs of a schedule: boundaries, or parts of the limit.
const fn cost(rate: Rate, number: u64, kind: u8) -> u64 {
    match kind {
        0 => number,
        1 => rate.limit(),
        2 => rate.limit() - rate.limit() / 3,
        3 => 1,
        _ => rate.limit() / 2 + 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// At one moment, no client gets more than the strategy allows.
    #[test]
    fn f48_the_largest_numbers_admit_no_more_than_the_limit(
        rate in rate(),
        strategy in strategy(),
        class in class(),
        load in 0..=1_000_u64,
        costs in prop::collection::vec((edge(), 0..5_u8), 1..8),
    ) {
        let arrival = |cost| Arrival::new(rate, cost, START).class(class).load(load);
        let all = strategy.step(&State::EMPTY, &arrival(0)).quota;
        // The tolerance of a cell rate may be more units than 64 bits hold.
        prop_assume!(strategy.name() != "gcra" || all.remaining() < u64::MAX);
        let (mut state, mut taken) = (State::EMPTY, 0_u128);
        for (number, kind) in costs {
            let step = strategy.step(&state, &arrival(cost(rate, number, kind)));
            if step.quota.fits() {
                taken += u128::from(cost(rate, number, kind));
                state = step.state;
            }
            let left = strategy.step(&state, &arrival(0)).quota.remaining();
            prop_assert!(taken <= u128::from(all.remaining()), "{taken} of {all:?}");
            prop_assert!(u128::from(left) + taken <= u128::from(all.remaining()), "{left} left, {taken} of {all:?}");
            if let Some(left) = left.checked_add(1) {
                prop_assert!(!strategy.step(&state, &arrival(left)).quota.fits());
            }
        }
    }

    /// Units that have not been refilled yet cannot be consumed again, however long the period is.
    #[test]
    fn f48_a_bucket_refills_no_faster_than_its_rate(
        rate in rate(),
        strategy in select(vec!["token", "leaky", "queue", "gcra", "debt", "cost"]),
        elapsed in edge(),
    ) {
        let strategy = match strategy {
            "token" => boxed(TokenBucket::new()),
            "leaky" => boxed(throttle_runtime::strategy::LeakyBucket),
            "queue" => boxed(LeakyBucketQueue::new()),
            "gcra" => boxed(Gcra::new().burst(rate.limit())),
            "debt" => boxed(TokenBucketWithDebt::new().burst(rate.limit())),
            _ => boxed(CostBasedTokenBucket::new()),
        };
        let full = strategy.step(&State::EMPTY, &Arrival::new(rate, rate.limit(), START));
        prop_assert!(full.quota.fits());
        let elapsed = elapsed.min(rate.period_micros());
        let left = strategy.step(&full.state, &Arrival::new(rate, 0, START + elapsed)).quota.remaining();
        let refilled = u128::from(elapsed) * u128::from(rate.limit()) / u128::from(rate.period_micros());
        prop_assert!(u128::from(left) <= refilled, "{left} after {elapsed} us, {refilled} are refilled");
    }

    /// After a promised wait, the request fits. A cost that can never fit has no wait.
    #[test]
    fn f42_a_wait_is_promised_only_where_it_helps(
        rate in rate(),
        strategy in strategy(),
        class in class(),
        load in 0..=1_000_u64,
        costs in prop::collection::vec((edge(), 0..5_u8), 1..8),
    ) {
        let mut state = State::EMPTY;
        for (number, kind) in costs {
            let arrival = Arrival::new(rate, cost(rate, number, kind), START).class(class).load(load);
            let step = strategy.step(&state, &arrival);
            if let Some(wait) = step.quota.retry_after().map(micros) {
                let later = arrival.at(START.checked_add(wait).expect("a time"));
                let then = strategy.step(&state, &later).quota;
                prop_assert!(then.fits(), "{:?}, and then {then:?}", step.quota);
            }
            if step.quota.fits() {
                state = step.state;
            }
        }
    }

    /// All times, all states, all numbers: no overflow.
    #[test]
    fn f42_no_number_is_too_large(
        rate in rate(),
        strategy in strategy(),
        words in prop::collection::vec(edge(), 0..7),
        now in edge(),
        later in edge(),
        number in edge(),
        class in class(),
        load in edge(),
    ) {
        let (until, word) = (words.first().copied().unwrap_or(0), words.get(1).copied().unwrap_or(0));
        let state = State::new(until, word).with_list(words.get(2..).unwrap_or_default().to_vec());
        let arrival = Arrival::new(rate, number, now).class(class).load(load);
        let Step { state, quota } = strategy.step(&state, &arrival);
        let _ = (quota.next_after(), quota.reset_after(), quota.retry_after(), quota.remaining(), quota.rate());
        let state = strategy.refund(&state, &arrival.at(later), number);
        let _ = strategy.step(&state, &arrival.at(later));
    }

    /// The remaining quota in headers is never above the limit in headers.
    #[test]
    fn f40_no_more_is_left_than_the_limit_that_applies(
        rate in prop_oneof![rate(), crate::common::rate()],
        strategy in prop_oneof![strategy(), crate::common::strategy()],
        requests in prop::collection::vec((0..400_000_000_000_u64, edge(), 0..5_u8, class(), 0..=1_000_u64), 1..20),
    ) {
        let (mut state, mut now) = (State::EMPTY, START);
        for (gap, number, kind, class, load) in requests {
            now += gap;
            let arrival = Arrival::new(rate, cost(rate, number, kind), now).class(class).load(load);
            let step = strategy.step(&state, &arrival);
            let (left, applies) = (step.quota.remaining(), step.quota.rate());
            prop_assert!(left <= applies.limit(), "{left} of {applies:?}");
            prop_assert_eq!(applies.period(), rate.period());
            if step.quota.fits() {
                state = step.state;
            }
        }
    }
}

#[test]
fn f42_a_cost_that_never_fits_has_no_wait() {
    let never = |strategy: &dyn Strategy, limit, cost| {
        let rate = Rate::per_minute(limit);
        let used = strategy.step(&State::EMPTY, &Arrival::new(rate, limit.min(10), START)).state;
        let quota = strategy.step(&used, &Arrival::new(rate, cost, START)).quota;
        assert!(quota.is_never(), "{strategy:?}: {quota:?}");
    };
    for cost in [11, 1 << 32, u64::MAX - 1, u64::MAX] {
        // Some hold more than the limit: ten times, twice, or the rolled-over quota.
        let holds_more = ["gcra", "time-of-day", "quota-with-rollover"];
        let strategies =
            each().into_iter().filter(|strategy| cost > 100 || !holds_more.contains(&strategy.name()));
        strategies.for_each(|strategy| never(&*strategy, 10, cost));
        never(&Adaptive::new().load(|| 0), 10, cost);
    }
    // Twice a limit near 2^64 is no more than 2^64 - 1 units, of which ten are used.
    let nights = TimeOfDay::in_zone("UTC").window(0, 8, Multiplier::new(2));
    for (limit, cost) in [(u64::MAX, u64::MAX), (u64::MAX - 9, u64::MAX)] {
        let rate = Rate::new(limit, Rate::MAX_PERIOD).expect("a rate");
        let used = nights.step(&State::EMPTY, &Arrival::new(rate, 10, START)).state;
        let quota = nights.step(&used, &Arrival::new(rate, cost, START)).quota;
        if let Some(wait) = quota.retry_after().map(micros) {
            assert!(nights.step(&used, &Arrival::new(rate, cost, START + wait)).quota.fits(), "{quota:?}");
        }
    }
}
