//! Buckets, each compared with a slow and obviously correct form: behaviours 86 to 89.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Arrival, CostBasedTokenBucket, Gcra, LeakyBucket, LeakyBucketQueue, State, Strategy, TokenBucket,
    TokenBucketWithDebt,
};

use crate::common::{Admitted, Request, START, admitted_at_once, boxed, micros, rate, run, schedule};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// In any time t at most burst + t × limit / period units, rounded down, for all pairs of requests.
    #[test]
    fn buckets_keep_their_bound_over_every_interval(
        rate in rate(),
        size in 1..20_u64,
        schedule in schedule(),
        which in 0..3_usize,
    ) {
        let strategies = [
            boxed(TokenBucket::new().burst(size)),
            boxed(LeakyBucketQueue::new().size(size)),
            boxed(CostBasedTokenBucket::new().burst(size)),
        ];
        let mut admitted = Admitted::default();
        run(&*strategies[which], rate, &schedule, |arrival, _, step| {
            let (now, cost) = (arrival.now, arrival.cost);
            if step.quota.fits() {
                admitted.0.push_back((now, cost));
            }
        });
        for &(from, _) in &admitted.0 {
            for &(to, _) in admitted.0.iter().filter(|(to, _)| *to >= from) {
                let flow = u128::from(to - from) * u128::from(rate.limit()) / u128::from(rate.period_micros());
                let bound = u128::from(size) + flow;
                prop_assert!(u128::from(admitted.units(from, to + 1)) <= bound, "{from} to {to}: {bound}");
            }
        }
    }


    /// A worker that processes the units of the first request in sequence and then removes the request.
    #[test]
    fn a_queue_is_worked_off_from_its_head(rate in rate(), size in 1..20_u64, schedule in schedule()) {
        let (limit, period) = (u128::from(rate.limit()), u128::from(rate.period_micros()));
        // The remaining work in units of 1/limit microseconds, and the cost.
        let mut queue: VecDeque<(u128, u64)> = VecDeque::new();
        let (mut last, mut wrong) = (START, None);
        run(&LeakyBucketQueue::new().size(size), rate, &schedule, |arrival, _, step| {
            let mut time = u128::from(arrival.now - last) * limit;
            last = arrival.now;
            while let Some((work, _)) = queue.front_mut() {
                let done = time.min(*work);
                (time, *work) = (time - done, *work - done);
                if *work > 0 {
                    break;
                }
                queue.pop_front();
            }
            let held: u64 = queue.iter().map(|(_, cost)| cost).sum();
            if step.quota.fits() != (held + arrival.cost <= size) && arrival.cost > 0 {
                wrong = Some((*arrival, queue.clone()));
            }
            if step.quota.fits() && arrival.cost > 0 {
                queue.push_back((u128::from(arrival.cost) * period, arrival.cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// With requests of cost 1, the queue is equal to the bucket.
    #[test]
    fn a_queue_of_single_units_is_a_leaky_bucket(rate in rate(), schedule in schedule()) {
        let schedule: Vec<_> = schedule.into_iter().map(|request| Request { cost: 1, ..request }).collect();
        let (mut quotas, mut lists) = (Vec::new(), 0);
        run(&LeakyBucketQueue::new(), rate, &schedule, |_, _, step| {
            quotas.push(step.quota);
            lists += step.state.list().len();
        });
        let mut bucket = Vec::new();
        run(&LeakyBucket, rate, &schedule, |_, _, step| bucket.push(step.quota));
        prop_assert_eq!(quotas, bucket);
        prop_assert_eq!(lists, 0, "and it needs no list");
    }

    /// The average of all requests since the bucket was full. No request fades from it here.
    #[test]
    fn a_refill_follows_the_average_cost(
        rate in rate(),
        burst in 1..30_u64,
        percent in 1..=100_u8,
        schedule in schedule(),
    ) {
        let bucket = CostBasedTokenBucket::new().burst(burst).min_refill_rate(percent).cost_window(1_000);
        let token = 1_000 * u128::from(rate.period_micros());
        let (mut missing, mut costs): (u128, Vec<u64>) = (0, Vec::new());
        let (mut last, mut wrong) = (START, None);
        run(&bucket, rate, &schedule, |arrival, _, step| {
            let sum: u64 = costs.iter().sum();
            let share = (1_000 * costs.len() as u64).checked_div(sum).unwrap_or(1_000);
            let refill = u128::from(rate.limit() * share.max(10 * u64::from(percent)));
            missing = missing.saturating_sub(u128::from(arrival.now - last) * refill);
            last = arrival.now;
            if missing == 0 {
                costs.clear();
            }
            let after = missing + token * u128::from(arrival.cost);
            if step.quota.fits() != (after <= token * u128::from(burst)) && arrival.cost > 0 {
                wrong = Some((*arrival, missing, costs.clone()));
            }
            if step.quota.fits() && arrival.cost > 0 {
                missing = after;
                costs.push(arrival.cost);
            }
        });
        prop_assert_eq!(wrong, None);
    }
}

/// Returns the waits of further single units after this many concurrent ones, in milliseconds.
fn pace(strategy: &dyn Strategy, rate: Rate, at_once: usize) -> Vec<u128> {
    let mut state = State::EMPTY;
    run(strategy, rate, &vec![Request::new(0, 1); at_once], |_, _, step| state = step.state.clone());
    let (mut now, mut waits) = (START, Vec::new());
    for _ in 0..4 {
        let wait = strategy.step(&state, &Arrival::new(rate, 1, now)).quota.retry_after().expect("a wait");
        now += micros(wait);
        let step = strategy.step(&state, &Arrival::new(rate, 1, now));
        assert!(step.quota.fits());
        (state, waits) = (step.state, [&waits[..], &[wait.as_millis()]].concat());
    }
    waits
}

#[test]
fn b086_a_burst_at_once_and_then_one_per_interval() {
    let (bucket, rate) = (TokenBucket::new().burst(25), Rate::per_minute(10));
    assert_eq!(admitted_at_once(&bucket, rate, Request::new(0, 1), 40), 25);
    assert_eq!(pace(&bucket, rate, 25), [6_000; 4]);
}

#[test]
fn b087_a_debt_is_part_of_what_remains() {
    let (bucket, rate) = (TokenBucketWithDebt::new().max_debt(5), Rate::per_minute(10));
    assert_eq!(admitted_at_once(&bucket, rate, Request::new(0, 1), 40), 15);
    let mut left = Vec::new();
    run(&bucket, rate, &[Request::new(0, 3); 6], |_, _, step| left.push(step.quota.remaining()));
    assert_eq!(left, [12, 9, 6, 3, 0, 0]);
    assert_eq!(pace(&bucket, rate, 15), [6_000; 4]);
}

#[test]
fn b088_a_leaky_bucket_admits_the_limit_and_then_what_leaks() {
    let rate = Rate::per_second(10);
    assert_eq!(admitted_at_once(&LeakyBucket, rate, Request::new(0, 1), 40), 10);
    assert_eq!(pace(&LeakyBucket, rate, 10), [100; 4]);
    assert_eq!(admitted_at_once(&LeakyBucketQueue::new(), rate, Request::new(0, 1), 40), 10);
    assert_eq!(pace(&LeakyBucketQueue::new(), rate, 10), [100; 4]);
}

#[test]
fn a_queue_lets_a_request_go_when_all_of_it_is_done() {
    let (queue, rate) = (LeakyBucketQueue::new(), Rate::per_second(10));
    let half_a_second_later = |strategy: &dyn Strategy| {
        let full = strategy.step(&State::EMPTY, &Arrival::new(rate, 10, START));
        strategy.step(&full.state, &Arrival::new(rate, 0, START + 500_000)).quota
    };
    assert_eq!(half_a_second_later(&LeakyBucket).remaining(), 5);
    assert_eq!(half_a_second_later(&queue).remaining(), 0);
    assert_eq!(half_a_second_later(&queue).next_after(), Duration::from_millis(500));
}

#[test]
fn large_requests_slow_the_refill_until_small_ones_have_taken_their_place() {
    let (bucket, rate) = (CostBasedTokenBucket::new().cost_window(10).burst(200), Rate::per_second(10));
    let mut state = bucket.step(&State::EMPTY, &Arrival::new(rate, 60, START)).state;
    let mut next_after = Vec::new();
    for _ in 0..120 {
        let step = bucket.step(&state, &Arrival::new(rate, 1, START));
        state = step.state;
        next_after.push(step.quota.next_after().as_millis());
    }
    assert_eq!(next_after[0], 200, "half the rate, the minimum");
    assert!(next_after.is_sorted_by(|before, after| before >= after), "{next_after:?}");
    assert_eq!(next_after[119], 100, "{next_after:?}");
}

#[test]
fn b089_gcra_tolerance_and_cost() {
    let rate = Rate::per_second(10);
    let admitted = |gcra: Gcra, cost| admitted_at_once(&gcra, rate, Request::new(0, cost), 20);
    assert_eq!(admitted(Gcra::new(), 1), 1);
    assert_eq!(admitted(Gcra::new().tolerance(Duration::from_millis(500)), 1), 6);
    assert_eq!(admitted(Gcra::new().burst(6), 2), 3);
    let even = [Request::new(100_000, 1); 10];
    let mut fits = true;
    run(&Gcra::new(), rate, &even, |_, _, step| fits &= step.quota.fits());
    assert!(fits, "one each 100 ms");
}

/// 700 per millisecond is one each 1.43 microseconds: a strategy that rounds would be off by a third.
#[test]
fn gcra_loses_no_fraction_of_a_microsecond() {
    let rate: Rate = "700/ms".parse().expect("a rate");
    let (mut state, mut now, mut admitted) = (State::EMPTY, START, 0);
    while now <= START + 100_000 {
        let step = Gcra::new().step(&state, &Arrival::new(rate, 1, now));
        match step.quota.retry_after() {
            Some(wait) => now += micros(wait),
            None => (state, admitted) = (step.state, admitted + 1),
        }
    }
    // One per interval. Waits are rounded up to the next microsecond, so at least one passes every 2 microseconds.
    assert!((50_000..=70_001).contains(&admitted), "{admitted}");
}
