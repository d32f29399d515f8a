//! Fuzzes strategies with any rate, stored state and requests: nothing panics, and the reported waits and
//! remaining quotas are exact.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use throttle::Rate;
use throttle::strategy::{
    Adaptive, Arrival, Calendar, Class, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket, LeakyBucketQueue,
    PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, State, Strategy, TieredRate,
    TimeOfDay, Multiplier, TokenBucket, TokenBucketWithDebt,
};

#[derive(Debug, Arbitrary)]
struct Case {
    kind: u8,
    numbers: [u16; 4],
    limit: u64,
    millis: u64,
    /// Whether all numbers are small, as in real services. Waits are checked for these cases only: if numbers
    /// saturate, a strategy only promises not to panic.
    small: bool,
    stored: (u64, u64, Vec<u64>),
    requests: Vec<Request>,
}

#[derive(Debug, Arbitrary)]
struct Request {
    gap: i64,
    cost: u64,
    class: u8,
    load: u64,
    refund: bool,
}

/// A time that is not on the border of any window.
const START: u64 = 1_767_225_600_123_456;

fuzz_target!(|case: Case| {
    let Some(strategy) = strategy(case.kind, case.numbers) else { return };
    let (limit, millis) =
        if case.small { (case.limit % 30 + 1, case.millis % 3_000 + 1) } else { (case.limit, case.millis) };
    let Ok(rate) = Rate::new(limit, Duration::from_millis(millis)) else { return };
    if case.small { honest(&*strategy, rate, &case.requests) } else { wild(&*strategy, rate, &case) }
});

/// Any stored state, time and cost: the strategy must not panic.
fn wild(strategy: &dyn Strategy, rate: Rate, case: &Case) {
    let (until, word, list) = &case.stored;
    let mut state = State::new(*until, *word).with_list(list.iter().copied().take(64).collect());
    let mut now = START;
    for request in case.requests.iter().take(64) {
        now = now.saturating_add_signed(request.gap);
        let arrival = arrival(rate, request.cost, now, request);
        let step = strategy.step(&state, &arrival);
        if step.quota.fits() {
            state = step.state;
        }
        if request.refund {
            state = strategy.refund(&state, &arrival, request.load);
        }
    }
}

/// Realistic requests, beginning with an empty state: each reported wait and quota must be exact.
fn honest(strategy: &dyn Strategy, rate: Rate, requests: &[Request]) {
    let (mut state, mut now) = (State::EMPTY, START);
    for request in requests.iter().take(64) {
        now += request.gap.unsigned_abs() % 4_000_000;
        let arrival = arrival(rate, request.cost % 6, now, request);
        let step = strategy.step(&state, &arrival);
        let fits = |cost, now| {
            let mut later = arrival.at(now);
            later.cost = cost;
            strategy.step(&state, &later).quota.fits()
        };
        if let Some(wait) = step.quota.retry_after() {
            let wait = u64::try_from(wait.as_micros()).expect("a time");
            assert!(!step.quota.fits() && wait > 0);
            assert!(fits(arrival.cost, now + wait), "whoever has waited is admitted");
            assert!(!fits(arrival.cost, now + wait - 1), "and no sooner");
        }
        let mut nothing = arrival;
        nothing.cost = 0;
        let left = strategy.step(&state, &nothing).quota.remaining();
        assert!(fits(left, now) && !fits(left + 1, now), "as much fits as is left");
        if step.quota.fits() {
            assert_eq!(strategy.step(&step.state, &nothing).quota, step.quota, "what is told is true");
            state = step.state;
        }
    }
}

fn arrival(rate: Rate, cost: u64, now: u64, request: &Request) -> Arrival {
    let names = ["", "free", "premium", "low", "normal", "high", "critical", "somebody"];
    let class = Class::new(names[usize::from(request.class) % names.len()]);
    Arrival::new(rate, cost, now).class(class).load(request.load % 1_001)
}

/// Returns a built-in strategy with valid parameters.
fn strategy(kind: u8, [a, b, c, d]: [u16; 4]) -> Option<Box<dyn Strategy>> {
    let within = |number: u16, most: u16| 1 + number % most;
    Some(match kind % 14 {
        0 => Box::new(FixedWindow),
        1 => Box::new(SlidingWindowLog),
        2 => Box::new(SlidingWindowCounter),
        3 => Box::new(TokenBucket::new().burst(within(a, 40).into())),
        4 => Box::new(TokenBucketWithDebt::new().burst(within(a, 20).into()).max_debt((b % 9).into())),
        5 => Box::new(LeakyBucket),
        6 if a == 0 => Box::new(LeakyBucketQueue::new()),
        6 => Box::new(LeakyBucketQueue::new().size(within(a, 20).into())),
        7 => Box::new(Gcra::new().burst(within(a, 20).into())),
        8 => Box::new(Gcra::new().tolerance(Duration::from_millis(a.into()))),
        9 => {
            let bucket = CostBasedTokenBucket::new().burst(within(a, 40).into());
            let percent = u8::try_from(within(c, 100)).ok()?;
            Box::new(bucket.cost_window(within(b, 1_000)).min_refill_rate(percent))
        }
        10 => Box::new(PriorityQueue::new()),
        11 => Box::new(
            TieredRate::new().tier("somebody", Multiplier::ratio(within(a, 9).into(), within(b, 5).into())),
        ),
        12 if d % 4 == 0 => Box::new(Calendar::in_zone(["UTC", "Europe/Berlin"][usize::from(c) % 2])),
        12 => {
            let (from, hours) = (u8::try_from(a % 24).ok()?, u8::try_from(within(b, 23)).ok()?);
            let zone = ["UTC", "Europe/Berlin", "Asia/Kolkata"][usize::from(c) % 3];
            Box::new(TimeOfDay::in_zone(zone).window(
                from,
                (from + hours) % 24,
                Multiplier::ratio(within(d, 9).into(), 3),
            ))
        }
        13 if d % 2 == 0 => {
            let percent = u8::try_from(a % 101).ok()?;
            Box::new(QuotaWithRollover::new().rollover(percent).max_rollover((b % 20).into()))
        }
        _ => {
            let adaptive = Adaptive::new().load_threshold(within(a, 999)).reduction_factor(within(b, 999));
            Box::new(adaptive.recovery_rate(within(c, 999)).min_limit_ratio(within(d, 999)))
        }
    })
}
