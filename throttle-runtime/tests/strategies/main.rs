//! Properties of every strategy over random schedules: behaviours 81 to 83, 89, 93 and 94.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Arrival, FixedWindow, Gcra, LeakyBucket, SlidingWindowCounter, SlidingWindowLog, State, Step, Strategy,
    TokenBucket, TokenBucketWithDebt,
};

/// One request of a schedule: how long after the one before, and what it costs.
type Request = (u64, u64);

fn schedule() -> impl Random<Value = Vec<Request>> {
    let gap = prop_oneof![Just(0_u64), 0..2_000_u64, 0..400_000_u64, 0..5_000_000_u64];
    prop::collection::vec((gap, 0..4_u64), 1..200)
}

fn rate() -> impl Random<Value = Rate> {
    (1..30_u64, 1..3_000_u64).prop_map(|(limit, millis)| {
        Rate::new(limit, std::time::Duration::from_millis(millis)).expect("a rate")
    })
}

/// Every strategy, with parameters of all sizes.
fn strategy() -> impl Random<Value = Box<dyn Strategy>> {
    let boxed = |strategy: Box<dyn Strategy>| strategy;
    prop_oneof![
        Just(()).prop_map(move |()| boxed(Box::new(FixedWindow))),
        Just(()).prop_map(move |()| boxed(Box::new(SlidingWindowLog))),
        Just(()).prop_map(move |()| boxed(Box::new(SlidingWindowCounter))),
        Just(()).prop_map(move |()| boxed(Box::new(LeakyBucket))),
        (1..40_u64).prop_map(move |burst| boxed(Box::new(TokenBucket::new().burst(burst)))),
        (1..20_u64, 0..9_u64).prop_map(move |(burst, debt)| boxed(Box::new(
            TokenBucketWithDebt::new().burst(burst).max_debt(debt)
        ))),
        (1..20_u64).prop_map(move |burst| boxed(Box::new(Gcra::new().burst(burst)))),
        (0..3_000_u64).prop_map(move |millis| {
            boxed(Box::new(Gcra::new().tolerance(std::time::Duration::from_millis(millis))))
        }),
    ]
}

const START: u64 = 1_767_225_600_123_456;

/// Runs a schedule; a denied request leaves the state as it was, as every backend does it.
fn run(
    strategy: &dyn Strategy,
    rate: Rate,
    schedule: &[Request],
    mut each: impl FnMut(u64, u64, &State, &Step),
) {
    let (mut state, mut now) = (State::EMPTY, START);
    for &(gap, cost) in schedule {
        now += gap;
        let step = strategy.step(&state, &Arrival::new(rate, cost, now));
        each(now, cost, &state, &step);
        if step.quota.fits() {
            state = step.state;
        }
    }
}

/// Promise 3: the wait is enough, and not a microsecond too long.
fn wait_is_true(strategy: &dyn Strategy, rate: Rate, schedule: &[Request]) -> Result<(), TestCaseError> {
    let mut result = Ok(());
    run(strategy, rate, schedule, |now, cost, state, step| {
        let Some(wait) = step.quota.retry_after() else { return };
        let wait = u64::try_from(wait.as_micros()).expect("a wait");
        let later = |wait| strategy.step(state, &Arrival::new(rate, cost, now + wait)).quota.fits();
        if !later(wait) || later(wait - 1) {
            result = Err(TestCaseError::fail(format!("{wait} us for {cost} at {now} with {state:?}")));
        }
    });
    result
}

/// Asking with cost 0 says what is left, and a request of just that fits.
fn remaining_is_true(strategy: &dyn Strategy, rate: Rate, schedule: &[Request]) -> Result<(), TestCaseError> {
    let mut result = Ok(());
    run(strategy, rate, schedule, |now, _, state, _| {
        let ask = |cost| strategy.step(state, &Arrival::new(rate, cost, now)).quota;
        let left = ask(0).remaining();
        if !ask(0).fits() || !ask(left).fits() || ask(left + 1).fits() {
            result = Err(TestCaseError::fail(format!("{left} left at {now} with {state:?}")));
        }
    });
    result
}

/// `next_after` is when one more unit fits, `reset_after` when everything does.
fn times_are_true(strategy: &dyn Strategy, rate: Rate, schedule: &[Request]) -> Result<(), TestCaseError> {
    let full = strategy.step(&State::EMPTY, &Arrival::new(rate, 0, START)).quota.remaining();
    let mut result = Ok(());
    run(strategy, rate, schedule, |now, _, state, _| {
        let left = |at| strategy.step(state, &Arrival::new(rate, 0, at)).quota.remaining();
        let quota = strategy.step(state, &Arrival::new(rate, 0, now)).quota;
        let micros = |duration: std::time::Duration| u64::try_from(duration.as_micros()).expect("a time");
        let (next, reset) = (micros(quota.next_after()), micros(quota.reset_after()));
        let early = next > 0 && left(now + next - 1) > quota.remaining();
        let late = quota.remaining() < full && left(now + next) <= quota.remaining();
        if early || late || left(now + reset) != full {
            result = Err(TestCaseError::fail(format!("{quota:?} at {now} with {state:?}")));
        }
    });
    result
}

/// The slow and obviously right form: who was admitted when.
#[derive(Default)]
struct Admitted(VecDeque<(u64, u64)>);

impl Admitted {
    fn units(&self, from: u64, to: u64) -> u64 {
        self.0.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, cost)| cost).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn b082_waits_and_what_remains_are_true(rate in rate(), schedule in schedule(), strategy in strategy()) {
        wait_is_true(&*strategy, rate, &schedule)?;
        remaining_is_true(&*strategy, rate, &schedule)?;
        times_are_true(&*strategy, rate, &schedule)?;
    }

    #[test]
    fn b083_a_window_admits_the_limit_and_all_of_it(rate in rate(), schedule in schedule()) {
        let mut admitted = Admitted::default();
        let mut wrong = None;
        run(&FixedWindow, rate, &schedule, |now, cost, _, step| {
            let start = now - now % rate.period_micros();
            let used = admitted.units(start, start + rate.period_micros());
            if step.quota.fits() != (used + cost <= rate.limit()) {
                wrong = Some((now, used, cost));
            }
            if step.quota.fits() {
                admitted.0.push_back((now, cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// Exact over every period, whenever it begins.
    #[test]
    fn b084_no_period_holds_more_than_the_limit_of_a_log(rate in rate(), schedule in schedule()) {
        let mut admitted = Admitted::default();
        let mut wrong = None;
        run(&SlidingWindowLog, rate, &schedule, |now, cost, _, step| {
            let used = admitted.units((now + 1).saturating_sub(rate.period_micros()), now + 1);
            if step.quota.fits() != (used + cost <= rate.limit()) && cost > 0 {
                wrong = Some((now, used, cost));
            }
            if step.quota.fits() {
                admitted.0.push_back((now, cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// Against the definition, computed from the list of admissions.
    #[test]
    fn b085_a_window_counter_follows_its_definition(rate in rate(), schedule in schedule()) {
        let mut admitted = Admitted::default();
        let mut wrong = None;
        run(&SlidingWindowCounter, rate, &schedule, |now, cost, _, step| {
            let period = rate.period_micros();
            let start = now - now % period;
            let scale = |units: u64, share: u64| u128::from(units) * u128::from(share);
            let previous = scale(admitted.units(start - period, start), period - (now - start));
            let current = scale(admitted.units(start, start + period) + cost, period);
            if step.quota.fits() != (previous + current <= scale(rate.limit(), period)) && cost > 0 {
                wrong = Some((now, cost));
            }
            if step.quota.fits() {
                admitted.0.push_back((now, cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// In any time t at most burst + t × limit / period units, rounded down; counted over all pairs.
    #[test]
    fn buckets_keep_their_bound_over_every_interval(rate in rate(), burst in 1..20_u64, schedule in schedule()) {
        let mut admitted = Admitted::default();
        run(&TokenBucket::new().burst(burst), rate, &schedule, |now, cost, _, step| {
            if step.quota.fits() {
                admitted.0.push_back((now, cost));
            }
        });
        for &(from, _) in &admitted.0 {
            for &(to, _) in admitted.0.iter().filter(|(to, _)| *to >= from) {
                let flow = u128::from(to - from) * u128::from(rate.limit()) / u128::from(rate.period_micros());
                let bound = u128::from(burst) + flow;
                prop_assert!(u128::from(admitted.units(from, to + 1)) <= bound, "{from} to {to}: {bound}");
            }
        }
    }

    #[test]
    fn b094_no_clock_locks_anybody_out(
        rate in rate(),
        steps in prop::collection::vec(any::<u64>(), 1..40),
        strategy in strategy(),
    ) {
        let mut state = State::EMPTY;
        for &now in &steps {
            let step = strategy.step(&state, &Arrival::new(rate, 1, now));
            if let Some(wait) = step.quota.retry_after() {
                // Twice the time in which the largest bucket above drains.
                let most = u128::from(rate.period_micros()) * 100;
                prop_assert!(wait.as_micros() <= most, "{:?} at {} with {:?}", wait, now, state);
            }
            if step.quota.fits() {
                state = step.state;
            }
        }
    }

    #[test]
    fn b079_no_state_is_too_strange(
        rate in rate(),
        words in prop::collection::vec(any::<u64>(), 0..7),
        now: u64,
        cost: u64,
        strategy in strategy(),
    ) {
        let (until, word) = (words.first().copied().unwrap_or(0), words.get(1).copied().unwrap_or(0));
        let state = State::new(until, word).with_list(words.get(2..).unwrap_or_default().to_vec());
        let step = strategy.step(&state, &Arrival::new(rate, cost, now));
        let refunded = strategy.refund(&step.state, &Arrival::new(rate, cost, now), cost);
        let _ = strategy.step(&refunded, &Arrival::new(rate, 1, now));
    }

    #[test]
    fn b007_extreme_rates_do_not_overflow(limit in 1..=u64::MAX, millis in 1..u64::MAX / 1_000, cost: u64, now: u64) {
        let rate = Rate::new(limit, std::time::Duration::from_millis(millis)).expect("a rate");
        for strategy in [
            &FixedWindow as &dyn Strategy, &SlidingWindowLog, &SlidingWindowCounter, &LeakyBucket, &TokenBucket::new(),
            &TokenBucketWithDebt::new().max_debt(u64::MAX), &Gcra::new().burst(u64::MAX), &Gcra::new(),
        ] {
            let first = strategy.step(&State::EMPTY, &Arrival::new(rate, cost, now));
            let _ = strategy.step(&first.state, &Arrival::new(rate, cost, now.saturating_add(1)));
        }
    }

    /// What is given back was taken, and never more.
    #[test]
    fn a_refund_undoes_a_charge(
        rate in rate(),
        schedule in schedule(),
        cost in 1..4_u64,
        strategy in strategy(),
    ) {
        run(&*strategy, rate, &schedule, |now, _, state, _| {
            let arrival = Arrival::new(rate, cost, now);
            let left = |state: &State| strategy.step(state, &Arrival::new(rate, 0, now)).quota.remaining();
            let charged = strategy.step(state, &arrival);
            if charged.quota.fits() {
                assert_eq!(left(&strategy.refund(&charged.state, &arrival, 0)), left(state));
            }
        });
    }
}

proptest! {
    /// A refund that comes late, after another request was charged, never lets more through than if the refunded
    /// request had never come.
    #[test]
    fn a_late_refund_gives_back_no_more_than_was_taken(
        rate in rate(),
        schedule in schedule(),
        (cost, other) in (1..4_u64, 1..4_u64),
        elapsed in prop_oneof![0..1_000_u64, 0..4_000_000_u64],
        strategy in strategy(),
    ) {
        run(&*strategy, rate, &schedule, |now, _, before, _| {
            let later = now + elapsed;
            let step = |state: &State, cost, at| strategy.step(state, &Arrival::new(rate, cost, at));
            let left = |state: &State| step(state, 0, later).quota.remaining();
            let charged = step(before, cost, now);
            let (with, without) = (step(&charged.state, other, later), step(before, other, later));
            if charged.quota.fits() && with.quota.fits() {
                let refunded = strategy.refund(&with.state, &Arrival::new(rate, cost, later), elapsed);
                assert!(left(&refunded) <= left(&without.state), "{strategy:?}");
                assert!(left(&refunded) >= left(&with.state), "{strategy:?}");
            }
        });
    }
}

#[test]
fn b089_gcra_tolerance_and_cost() {
    let rate = Rate::per_second(10);
    let admitted = |gcra: Gcra, cost| {
        let mut count = 0;
        run(&gcra, rate, &[(0, cost); 20], |_, _, _, step| count += u32::from(step.quota.fits()));
        count
    };
    assert_eq!(admitted(Gcra::new(), 1), 1);
    assert_eq!(admitted(Gcra::new().tolerance(std::time::Duration::from_millis(500)), 1), 6);
    assert_eq!(admitted(Gcra::new().burst(6), 2), 3);
    let even: Vec<_> = (0..10).map(|_| (100_000, 1)).collect();
    let mut fits = true;
    run(&Gcra::new(), rate, &even, |_, _, _, step| fits &= step.quota.fits());
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
            Some(wait) => now += u64::try_from(wait.as_micros()).expect("a wait"),
            None => (state, admitted) = (step.state, admitted + 1),
        }
    }
    // One each interval, of which the next microsecond rounds each up: 1 of 2 for the rest of the time.
    assert!((50_000..=70_001).contains(&admitted), "{admitted}");
}
