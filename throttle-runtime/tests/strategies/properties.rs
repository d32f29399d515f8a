//! Properties of every strategy: behaviours 7, 79, 82 and 94.

use proptest::prelude::*;
use proptest::strategy::Strategy as Random;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{Arrival, State, Step, Strategy};

use crate::common::{
    Request, START, buckets, each, micros, rate, run, schedule, stepping_schedule, strategy, windows,
};

/// Checks each step of a schedule. The first wrong step ends it.
fn holds(
    strategy: &dyn Strategy,
    rate: Rate,
    schedule: &[Request],
    is_true: impl Fn(&Arrival, &State, &Step) -> bool,
) -> Result<(), TestCaseError> {
    let mut wrong = None;
    run(strategy, rate, schedule, |arrival, state, step| {
        if wrong.is_none() && !is_true(arrival, state, step) {
            wrong = Some(format!("{step:#?} to {arrival:?} with {state:?}"));
        }
    });
    wrong.map_or(Ok(()), |wrong| Err(TestCaseError::fail(wrong)))
}

const fn at(arrival: &Arrival, now: u64) -> Arrival {
    let mut arrival = *arrival;
    arrival.now = now;
    arrival
}

const fn asking(arrival: &Arrival, cost: u64) -> Arrival {
    let mut arrival = *arrival;
    arrival.cost = cost;
    arrival
}

/// Promise 3: the wait is enough, and not a microsecond too long.
fn wait_is_true(strategy: &dyn Strategy, arrival: &Arrival, state: &State, step: &Step) -> bool {
    let fits_at = |now| strategy.step(state, &at(arrival, now)).quota.fits();
    match step.quota.retry_after().map(micros) {
        Some(wait) => fits_at(arrival.now + wait) && !fits_at(arrival.now + wait - 1),
        None => true,
    }
}

/// A request that never fits does not fit at any later time.
fn never_is_true(strategy: &dyn Strategy, arrival: &Arrival, state: &State, step: &Step) -> bool {
    let period = arrival.rate.period_micros();
    let hours = (1..50).map(|hour| hour * 3_600_000_000);
    let mut later = (0..50).map(|tenth| tenth * period / 10).chain(hours);
    !step.quota.is_never()
        || !later.any(|wait| strategy.step(state, &at(arrival, arrival.now + wait)).quota.fits())
}

/// A query with cost 0 returns what is left, and a request of exactly that fits.
fn remaining_is_true(strategy: &dyn Strategy, arrival: &Arrival, state: &State, _: &Step) -> bool {
    let ask = |cost| strategy.step(state, &asking(arrival, cost)).quota;
    let left = ask(0).remaining();
    ask(0).fits() && ask(left).fits() && !ask(left + 1).fits()
}

/// `next_after` is when one more unit fits, `reset_after` is when all units fit.
fn times_are_true(strategy: &dyn Strategy, arrival: &Arrival, state: &State, _: &Step) -> bool {
    let left = |state: &State, now| strategy.step(state, &asking(&at(arrival, now), 0)).quota.remaining();
    let (now, quota) = (arrival.now, strategy.step(state, &asking(arrival, 0)).quota);
    let (next, reset) = (micros(quota.next_after()), micros(quota.reset_after()));
    let early = next > 0 && left(state, now + next - 1) > quota.remaining();
    let late = quota.remaining() < left(&State::EMPTY, now) && left(state, now + next) <= quota.remaining();
    !early && !late && left(state, now + reset) >= left(&State::EMPTY, now + reset)
}

/// The quota that an admitted request receives is the state after it.
fn told_is_true(strategy: &dyn Strategy, arrival: &Arrival, _: &State, step: &Step) -> bool {
    let after = strategy.step(&step.state, &asking(arrival, 0)).quota;
    !step.quota.fits() || after == step.quota
}

/// From `until` on, a state gives the same results as an empty state.
fn until_is_true(strategy: &dyn Strategy, arrival: &Arrival, _: &State, step: &Step) -> bool {
    let later = at(arrival, step.state.until().max(arrival.now));
    !step.quota.fits()
        || strategy.step(&step.state, &later).quota == strategy.step(&State::EMPTY, &later).quota
}

/// Twice the time in which the slowest bucket here drains: 40 tokens at a hundredth of the rate, or the longest
/// tolerance.
const fn longest_wait(rate: Rate) -> u64 {
    2 * (4_000 * rate.period_micros() + 3_000_000)
}

/// A request that is refunded, and another request that was charged meanwhile.
#[derive(Debug, Clone, Copy)]
struct Late {
    cost: u64,
    other: u64,
    elapsed: u64,
    /// The time between the refund and the next check.
    more: u64,
}

fn late_refund() -> impl Random<Value = Late> {
    let elapsed = prop_oneof![0..1_000_u64, 0..4_000_000_u64];
    let more = prop_oneof![0..1_000_u64, 0..9_000_000_u64];
    let all = (1..4_u64, 0..4_u64, elapsed, more);
    all.prop_map(|(cost, other, elapsed, more)| Late { cost, other, elapsed, more })
}

fn late_refund_is_true(
    strategy: &dyn Strategy,
    arrival: &Arrival,
    before: &State,
    Late { cost, other, elapsed, more }: Late,
) -> bool {
    let later = arrival.now + elapsed;
    let step = |state: &State, cost, now| strategy.step(state, &asking(&at(arrival, now), cost));
    let charged = step(before, cost, arrival.now);
    let (with, without) = (step(&charged.state, other, later), step(before, other, later));
    if !(charged.quota.fits() && with.quota.fits()) {
        return true;
    }
    let refunded = strategy.refund(&with.state, &asking(&at(arrival, later), cost), elapsed);
    [later, later + more].into_iter().all(|now| {
        let left = |state: &State| step(state, 0, now).quota.remaining();
        let (with, without) = (left(&with.state), left(&without.state));
        (with.min(without)..=with.max(without)).contains(&left(&refunded))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn b082_waits_and_what_remains_are_true(rate in rate(), schedule in schedule(), strategy in strategy()) {
        let strategy = &*strategy;
        holds(strategy, rate, &schedule, |arrival, state, step| {
            wait_is_true(strategy, arrival, state, step)
                && never_is_true(strategy, arrival, state, step)
                && remaining_is_true(strategy, arrival, state, step)
                && times_are_true(strategy, arrival, state, step)
                && told_is_true(strategy, arrival, state, step)
                && until_is_true(strategy, arrival, state, step)
        })?;
    }

    #[test]
    fn waits_are_true_under_a_clock_that_steps_back(
        rate in rate(),
        schedule in stepping_schedule(),
        strategy in strategy(),
    ) {
        let strategy = &*strategy;
        let latest = std::cell::Cell::new(START);
        holds(strategy, rate, &schedule, |arrival, state, step| {
            latest.set(latest.get().max(arrival.now));
            // A time that is further back may count as an empty state.
            latest.get() - arrival.now > rate.period_micros()
                || wait_is_true(strategy, arrival, state, step)
                    && remaining_is_true(strategy, arrival, state, step)
        })?;
    }

    /// A clock that steps back frees nothing: in windows by up to a period, in buckets by up to the time in
    /// which their content drains.
    #[test]
    fn b094_what_was_used_stays_used(
        rate in rate(),
        schedule in schedule(),
        thousandths in 0..=1_000_u64,
        (window, bucket) in (windows(), buckets()),
    ) {
        let stays_used = |strategy: &dyn Strategy, most: u64, arrival: &Arrival, step: &Step| {
            let before = arrival.now - most * thousandths / 1_000;
            let asked = strategy.step(&step.state, &asking(&at(arrival, before), 0)).quota;
            !step.quota.fits() || arrival.cost == 0 || asked.remaining() <= step.quota.remaining()
        };
        holds(&*window, rate, &schedule, |arrival, _, step| {
            stays_used(&*window, rate.period_micros(), arrival, step)
        })?;
        holds(&*bucket, rate, &schedule, |arrival, _, step| {
            // The time is rounded up.
            stays_used(&*bucket, micros(step.quota.reset_after()).saturating_sub(1), arrival, step)
        })?;
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
                prop_assert!(micros(wait) <= longest_wait(rate), "{:?} at {} with {:?}", wait, now, state);
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

    /// Garbage that looks like a current state: a client that waits as long as it is told is admitted before
    /// long.
    #[test]
    fn b079_a_strange_state_ends(
        rate in rate(),
        ahead in -9_000_000..9_000_000_i64,
        words in prop::collection::vec(prop_oneof![any::<u64>(), 0..99_u64, START..START + 9_000_000], 1..9),
        strategy in strategy(),
    ) {
        let state = State::new(START.saturating_add_signed(ahead), words[0]).with_list(words[1..].to_vec());
        let mut arrival = Arrival::new(rate, 1, START);
        for _ in 0..50 {
            match strategy.step(&state, &arrival).quota.retry_after() {
                Some(wait) => arrival.now += micros(wait),
                None => break,
            }
        }
        prop_assert!(strategy.step(&state, &arrival).quota.fits(), "{:?} with {state:?}", arrival);
        prop_assert!(arrival.now - START <= longest_wait(rate), "{:?} with {state:?}", arrival);
    }

    #[test]
    fn b007_extreme_rates_do_not_overflow(
        limit in prop_oneof![1..9_u64, 1..=u64::MAX, u64::MAX - 9..=u64::MAX],
        millis in prop_oneof![1..9_u64, 1..=3_153_600_000_000_u64],
        cost in prop_oneof![1..9_u64, any::<u64>(), u64::MAX - 9..=u64::MAX],
        now: u64,
    ) {
        let rate = Rate::new(limit, std::time::Duration::from_millis(millis)).expect("a rate");
        for strategy in each() {
            let first = strategy.step(&State::EMPTY, &Arrival::new(rate, cost, now));
            let second = strategy.step(&first.state, &Arrival::new(rate, cost, now.saturating_add(1)));
            let _ = strategy.refund(&second.state, &Arrival::new(rate, cost, now.saturating_add(2)), 1);
            let _ = strategy.step(&second.state, &Arrival::new(rate, 1, now.saturating_add(rate.period_micros())));
        }
    }

    /// A refund returns what was charged, and never more.
    #[test]
    fn a_refund_undoes_a_charge(
        rate in rate(),
        schedule in schedule(),
        cost in 1..4_u64,
        strategy in strategy(),
    ) {
        holds(&*strategy, rate, &schedule, |arrival, state, _| {
            let arrival = asking(arrival, cost);
            let left = |state: &State| strategy.step(state, &asking(&arrival, 0)).quota.remaining();
            let charged = strategy.step(state, &arrival);
            !charged.quota.fits() || left(&strategy.refund(&charged.state, &arrival, 0)) == left(state)
        })?;
    }

    /// A refund that comes late, after another request was charged, never admits more than if the refunded
    /// request had never come: neither then nor later.
    #[test]
    fn a_late_refund_gives_back_no_more_than_was_taken(
        rate in rate(),
        schedule in schedule(),
        mut late in late_refund(),
        strategy in strategy(),
    ) {
        // With this strategy, the request stays in the average, and so affects the speed of the refill.
        if strategy.name() == "cost-based-token-bucket" {
            late.more = 0;
        }
        holds(&*strategy, rate, &schedule, |arrival, before, _| {
            late_refund_is_true(&*strategy, arrival, before, late)
        })?;
    }

    /// A limit that is lowered or raised while there is a state: the usage is kept, and waits are exact.
    #[test]
    fn waits_are_true_after_the_limit_has_changed(
        rate in rate(),
        schedule in schedule(),
        limit in 1..30_u64,
        cost in 1..4_u64,
        strategy in strategy(),
    ) {
        let changed = Rate::new(limit, rate.period()).expect("a rate");
        holds(&*strategy, rate, &schedule, |arrival, state, _| {
            let mut arrival = asking(arrival, cost);
            arrival.rate = changed;
            let step = strategy.step(state, &arrival);
            wait_is_true(&*strategy, &arrival, state, &step) && times_are_true(&*strategy, &arrival, state, &step)
        })?;
    }
}
