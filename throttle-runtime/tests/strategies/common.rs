//! Random strategies and schedules, and functions that run them.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Adaptive, Arrival, Calendar, Class, CostBasedTokenBucket, FixedWindow, Gcra, LeakyBucket,
    LeakyBucketQueue, Multiplier, PriorityQueue, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog,
    State, Step, Strategy, TieredRate, TimeOfDay, TokenBucket, TokenBucketWithDebt,
};

/// One request of a schedule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Microseconds since the previous request. A negative gap is a clock that steps back.
    pub(crate) gap: i64,
    pub(crate) cost: u64,
    pub(crate) class: Class,
    pub(crate) load: u64,
}

impl Request {
    pub(crate) const fn new(gap: i64, cost: u64) -> Self {
        Self { gap, cost, class: Class::NONE, load: 0 }
    }
}

pub(crate) fn class() -> impl Random<Value = Class> {
    let names = ["", "free", "premium", "low", "normal", "high", "critical", "somebody"];
    prop::sample::select(names.map(Class::new).to_vec())
}

pub(crate) fn schedule() -> impl Random<Value = Vec<Request>> {
    let gap = prop_oneof![Just(0_i64), 0..2_000_i64, 0..400_000_i64, 0..5_000_000_i64];
    requests(gap)
}

/// Returns a schedule with a clock that sometimes steps back.
pub(crate) fn stepping_schedule() -> impl Random<Value = Vec<Request>> {
    let gap = prop_oneof![3 => 0..2_000_i64, 3 => 0..400_000_i64, 1 => -500_000..0_i64];
    requests(gap)
}

fn requests(gap: impl Random<Value = i64>) -> impl Random<Value = Vec<Request>> {
    let cost = prop_oneof![15 => 0..4_u64, 1 => 0..40_u64];
    let request = (gap, cost, class(), 0..=1_000_u64);
    let request = request.prop_map(|(gap, cost, class, load)| Request { gap, cost, class, load });
    prop::collection::vec(request, 1..150)
}

pub(crate) fn rate() -> impl Random<Value = Rate> {
    (1..30_u64, 1..3_000_u64)
        .prop_map(|(limit, millis)| Rate::new(limit, Duration::from_millis(millis)).expect("a rate"))
}

pub(crate) fn boxed<S: Strategy>(strategy: S) -> Box<dyn Strategy> {
    Box::new(strategy)
}

/// Returns every strategy, with parameters of all sizes.
pub(crate) fn strategy() -> impl Random<Value = Box<dyn Strategy>> {
    prop_oneof![buckets(), windows()]
}

pub(crate) fn buckets() -> impl Random<Value = Box<dyn Strategy>> {
    prop_oneof![
        Just(()).prop_map(|()| boxed(LeakyBucket)),
        (1..40_u64, prop_oneof![1..9_u16, 200..=1_000_u16], 1..=100_u8).prop_map(
            |(burst, window, percent)| {
                let bucket = CostBasedTokenBucket::new().burst(burst);
                boxed(bucket.cost_window(window).min_refill_rate(percent))
            }
        ),
        Just(()).prop_map(|()| boxed(LeakyBucketQueue::new())),
        (1..20_u64).prop_map(|size| boxed(LeakyBucketQueue::new().size(size))),
        (1..40_u64).prop_map(|burst| boxed(TokenBucket::new().burst(burst))),
        (1..20_u64, 0..9_u64)
            .prop_map(|(burst, debt)| boxed(TokenBucketWithDebt::new().burst(burst).max_debt(debt))),
        (1..20_u64).prop_map(|burst| boxed(Gcra::new().burst(burst))),
        (0..3_000_u64).prop_map(|millis| boxed(Gcra::new().tolerance(Duration::from_millis(millis)))),
    ]
}

pub(crate) fn windows() -> impl Random<Value = Box<dyn Strategy>> {
    prop_oneof![
        Just(()).prop_map(|()| boxed(FixedWindow)),
        Just(()).prop_map(|()| boxed(SlidingWindowLog)),
        Just(()).prop_map(|()| boxed(SlidingWindowCounter)),
        Just(()).prop_map(|()| boxed(PriorityQueue::new())),
        (any::<bool>(), 1..1_000_u16, 1..1_000_u16, 1..1_000_u16, 1..1_000_u16).prop_map(
            |(own, threshold, factor, recovery, min)| {
                let adaptive = Adaptive::new().load_threshold(threshold).reduction_factor(factor);
                let adaptive = adaptive.recovery_rate(recovery).min_limit_ratio(min);
                boxed(if own { adaptive } else { adaptive.load(|| 0) })
            }
        ),
        (1..9_u32, 1..5_u32).prop_map(|(numerator, denominator)| boxed(
            TieredRate::new().tier("somebody", Multiplier::ratio(numerator, denominator))
        )),
        (prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kolkata"]), 0..24_u8, 1..24_u8, 1..9_u32)
            .prop_map(|(zone, from, hours, times)| {
                let times = Multiplier::ratio(times, 3);
                boxed(TimeOfDay::in_zone(zone).window(from, (from + hours) % 24, times))
            }),
        prop::sample::select(vec!["UTC", "Europe/Berlin"]).prop_map(|zone| boxed(Calendar::in_zone(zone))),
        (0..=100_u8, 0..20_u64)
            .prop_map(|(percent, max)| boxed(QuotaWithRollover::new().rollover(percent).max_rollover(max))),
    ]
}

/// Returns one of each strategy, for tests with fixed parameters.
pub(crate) fn each() -> Vec<Box<dyn Strategy>> {
    vec![
        boxed(Adaptive::new()),
        boxed(Calendar::in_zone("UTC")),
        boxed(FixedWindow),
        boxed(SlidingWindowLog),
        boxed(SlidingWindowCounter),
        boxed(LeakyBucket),
        boxed(LeakyBucketQueue::new()),
        boxed(TokenBucket::new()),
        boxed(TokenBucketWithDebt::new()),
        boxed(Gcra::new().burst(100)),
        boxed(CostBasedTokenBucket::new()),
        boxed(PriorityQueue::new()),
        boxed(TieredRate::new()),
        boxed(TimeOfDay::in_zone("UTC").window(8, 17, Multiplier::new(2))),
        boxed(QuotaWithRollover::new()),
    ]
}

/// A time that is on no boundary of a window, and not near one of an hour.
pub(crate) const START: u64 = 1_767_226_600_123_456;

/// Runs a schedule. A denied request does not change the state, as in every backend.
pub(crate) fn run(
    strategy: &dyn Strategy,
    rate: Rate,
    schedule: &[Request],
    each: impl FnMut(&Arrival, &State, &Step),
) {
    run_from(START, strategy, rate, schedule, each);
}

pub(crate) fn run_from(
    mut now: u64,
    strategy: &dyn Strategy,
    rate: Rate,
    schedule: &[Request],
    mut each: impl FnMut(&Arrival, &State, &Step),
) {
    let mut state = State::EMPTY;
    for request in schedule {
        now = now.saturating_add_signed(request.gap);
        let arrival = Arrival::new(rate, request.cost, now).class(request.class).load(request.load);
        let step = strategy.step(&state, &arrival);
        each(&arrival, &state, &step);
        if step.quota.fits() {
            state = step.state;
        }
    }
}

/// Returns how many of these requests fit at one time.
pub(crate) fn admitted_at_once(strategy: &dyn Strategy, rate: Rate, request: Request, of: usize) -> usize {
    let mut admitted = 0;
    run(strategy, rate, &vec![request; of], |_, _, step| admitted += usize::from(step.quota.fits()));
    admitted
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("a time")
}

/// The slow and obviously correct form: the time and cost of each admitted request.
#[derive(Default)]
pub(crate) struct Admitted(pub(crate) VecDeque<(u64, u64)>);

impl Admitted {
    pub(crate) fn units(&self, from: u64, to: u64) -> u64 {
        self.0.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, cost)| cost).sum()
    }
}
