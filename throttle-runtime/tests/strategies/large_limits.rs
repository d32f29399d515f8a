//! Strategies with a list, for limits above the one up to which the list has an entry for each request.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Arrival, Class, LeakyBucketQueue, PriorityQueue, SlidingWindowLog, State, Strategy,
};

use crate::common::{Admitted, Request, START, boxed, micros, run};

/// The maximum number of entries of a list, whatever the limit.
const ENTRIES: usize = 1_010;

/// The largest limit whose list has the time of each request.
const EXACT: u64 = 1_000;

fn with_lists() -> Vec<Box<dyn Strategy>> {
    vec![
        boxed(SlidingWindowLog),
        boxed(PriorityQueue::new()),
        boxed(LeakyBucketQueue::new()),
        boxed(LeakyBucketQueue::new().size(50_000)),
    ]
}

/// Requests in sequence, a large one first, of all priorities.
fn requests(gap: i64, number: usize) -> Vec<Request> {
    let classes = ["low", "normal", "high", "critical"].map(Class::new);
    let mut requests: Vec<_> =
        (0..number).map(|i| Request { class: classes[i % 4], ..Request::new(gap, 1) }).collect();
    requests[0].cost = 2;
    requests
}

#[test]
fn f52_a_list_does_not_grow_with_the_limit() {
    for strategy in with_lists() {
        for (rate, gap) in
            [("100000/day", 20_000_000), ("20000/min", 4_000), ("1001/s", 150), ("16000/s", 40)]
        {
            let rate: Rate = rate.parse().expect("a rate");
            let (mut longest, mut admitted) = (0, 0);
            run(&*strategy, rate, &requests(gap, 4_000), |_, _, step| {
                longest = longest.max(step.state.list().len() / 2);
                admitted += u64::from(step.quota.fits());
            });
            assert!(admitted >= (rate.limit() - 1).min(3_900), "{strategy:?} at {rate}: {admitted}");
            assert!(longest <= ENTRIES, "{strategy:?} at {rate}: {longest} entries");
        }
    }
}

/// Up to that limit, nothing is merged: as many pass as fit, each until the microsecond in which it leaves.
#[test]
fn f52_lists_of_small_limits_are_exact() {
    let rate = Rate::new(EXACT, Duration::from_secs(10)).expect("a rate");
    let mut states = Vec::new();
    run(&SlidingWindowLog, rate, &requests(7, 1_002), |_, _, step| states.push(step.state.clone()));
    let full = states.into_iter().rev().find(|state| state.list().len() == 2 * 999).expect("a full list");
    // The first costs 2, and leaves as a whole. Each of the others leaves seven microseconds after the one
    // before.
    let mut now = START + 7 + rate.period_micros();
    for gap in [0, 7, 7, 7] {
        now += gap;
        let more = if gap == 0 { 2 } else { 1 };
        let left = |now| SlidingWindowLog.step(&full, &Arrival::new(rate, 0, now)).quota.remaining();
        assert_eq!(left(now), left(now - 1) + more);
    }
}

/// A list that a version without merging has stored counts in full, and empties over time.
#[test]
fn f52_lists_with_an_entry_for_each_request_are_read() {
    let rate: Rate = "10000/min".parse().expect("a rate");
    let second = 1_000_000;
    let list = (0..10_000).flat_map(|i| [START + i * 1_000, 1]).collect();
    let state = State::new(START + 10 * second + 60 * second, 0).with_list(list);
    let denied = SlidingWindowLog.step(&state, &Arrival::new(rate, 1, START + 10 * second)).quota;
    assert_eq!((denied.remaining(), denied.retry_after()), (0, Some(Duration::from_secs(50))));
    let arrival = Arrival::new(rate, 1, START + 65 * second);
    let step = SlidingWindowLog.step(&state, &arrival);
    assert_eq!(step.quota.remaining(), 5_000);
    assert_eq!(step.state.list().len(), 2 * 5_000);
}

/// A rate, and requests that fill it.
fn crowded() -> impl Random<Value = (Rate, Vec<Request>)> {
    let rate = (1_001..9_000_u64, 1..4_000_u64)
        .prop_map(|(limit, millis)| Rate::new(limit, Duration::from_millis(millis)).expect("a rate"));
    (rate, 1..400_u64, any::<u64>()).prop_flat_map(|(rate, number, _)| {
        let gap = rate.period_micros().cast_signed() / number.cast_signed();
        let gap = prop_oneof![3 => 0..gap.max(1), 1 => 0..20_i64, 1 => 0..3 * gap.max(1)];
        let cost = prop_oneof![3 => 1..1 + 3 * rate.limit() / number, 1 => 0..4_u64];
        let request = (gap, cost).prop_map(|(gap, cost)| Request::new(gap, cost));
        (Just(rate), prop::collection::vec(request, 1..300))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Merged entries leave later than the requests in them, by less than a thousandth of the period.
    #[test]
    fn f52_a_merged_log_admits_never_more_and_hardly_less((rate, requests) in crowded()) {
        let (mut admitted, mut wrong) = (Admitted::default(), None);
        let (period, late) = (rate.period_micros(), rate.period_micros().div_ceil(1_000));
        run(&SlidingWindowLog, rate, &requests, |arrival, state, step| {
            let Arrival { now, cost, .. } = *arrival;
            let of_period = admitted.units(now + 1 - period, now + 1);
            let of_more = admitted.units((now + 1 - period) - late, now + 1);
            let fits = step.quota.fits();
            let is_right = if fits { of_period + cost <= rate.limit() } else { of_more + cost > rate.limit() };
            // The wait is exact to the microsecond.
            let again = |after| SlidingWindowLog.step(state, &arrival.at(now + after)).quota.fits();
            let waits = step.quota.retry_after().is_none_or(|wait| {
                fits || again(micros(wait)) && !again(micros(wait) - 1)
            });
            if cost > 0 && !(is_right && waits) {
                wrong = Some((now, cost, of_period, of_more, step.quota));
            }
            if fits {
                admitted.0.push_back((now, cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// Merged entries leave a queue later, so it never holds less than a queue that merges nothing.
    #[test]
    fn f52_a_merged_queue_admits_never_more((rate, requests) in crowded()) {
        let mut held: Vec<(u128, u64)> = Vec::new();
        let (mut done, mut last, mut wrong) = (0_u128, START, None);
        let (limit, period) = (u128::from(rate.limit()), u128::from(rate.period_micros()));
        run(&LeakyBucketQueue::new(), rate, &requests, |arrival, state, step| {
            let Arrival { now, cost, .. } = *arrival;
            // The work of the queue without merging: requests leave when all of their units are done.
            let end = held.last().map_or(done, |(end, _)| *end);
            done = (done + u128::from(now - last) * limit).min(end);
            last = now;
            let units: u64 = held.iter().filter(|(end, _)| *end > done).map(|(_, cost)| cost).sum();
            let (fits, exact) = (step.quota.fits(), units + cost <= rate.limit());
            let again = |after| LeakyBucketQueue::new().step(state, &arrival.at(now + after)).quota.fits();
            let waits = step.quota.retry_after().is_none_or(|wait| {
                fits || again(micros(wait)) && !again(micros(wait) - 1)
            });
            if cost > 0 && (fits && !exact || !waits) {
                wrong = Some((now, cost, units, step.quota));
            }
            if fits && cost > 0 {
                held.push((end + u128::from(cost) * period, cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// A refund returns no more than was charged, and all of it while nothing has left.
    #[test]
    fn f52_requests_in_merged_entries_are_refunded((rate, requests) in crowded(), which in 0..300_usize) {
        for strategy in [boxed(SlidingWindowLog), boxed(PriorityQueue::new()), boxed(LeakyBucketQueue::new())] {
            let (mut taken, mut last) = (Vec::new(), State::EMPTY);
            run(&*strategy, rate, &requests, |arrival, _, step| if step.quota.fits() {
                taken.push(*arrival);
                last = step.state.clone();
            });
            let Some(charge) = taken.get(which % taken.len().max(1)) else { continue };
            let now = taken.last().map_or(START, |arrival| arrival.now);
            let left = |state: &State| strategy.step(state, &Arrival::new(rate, 0, now)).quota.remaining();
            let before = left(&last);
            let after = left(&strategy.refund(&last, &charge.at(now), now - charge.now));
            prop_assert!((before..=before + charge.cost).contains(&after), "{:?}: {} then {}", strategy, before, after);
            if now - charge.now < rate.period_micros() && strategy.name() != "leaky-bucket-queue" {
                prop_assert_eq!(after, before + charge.cost, "{:?}", strategy);
            }
        }
    }
}
