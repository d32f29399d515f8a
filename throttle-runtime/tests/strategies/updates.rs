//! The usage when a limit changes: behaviour 106. The guide's page about the registry describes it.

use throttle_runtime::strategy::{Arrival, State, Strategy};
use throttle_runtime::{Quota, Rate};

use crate::common::{START, each};

/// The part of the usage that is kept under another limit.
#[derive(Debug, PartialEq)]
enum Kept {
    /// The units that were used.
    Units,
    /// The time until all is available, so the used share of the limit is kept.
    Time,
}

fn kept(strategy: &dyn Strategy) -> Kept {
    match strategy.name() {
        "fixed-window"
        | "sliding-window-log"
        | "sliding-window-counter"
        | "tiered-rate"
        | "time-of-day"
        | "priority-queue"
        | "quota-with-rollover"
        | "adaptive"
        | "calendar" => Kept::Units,
        "token-bucket"
        | "token-bucket-with-debt"
        | "leaky-bucket"
        | "leaky-bucket-queue"
        | "gcra"
        | "cost-based-token-bucket" => Kept::Time,
        other => panic!("say in the guide what an update does to `{other}`, and here"),
    }
}

/// Returns the quota of a request of that cost under a limit per minute, and the state after it.
fn ask(strategy: &dyn Strategy, state: &State, limit: u64, cost: u64) -> (Quota, State) {
    let step = strategy.step(state, &Arrival::new(Rate::per_minute(limit), cost, START));
    (step.quota, if step.quota.fits() { step.state } else { state.clone() })
}

/// Returns the whole quota and what is left. The limit of a strategy may differ from the rate: by tiers, hours
/// or a burst.
fn left(strategy: &dyn Strategy, state: &State, limit: u64) -> (u64, u64) {
    let left = |state| ask(strategy, state, limit, 0).0.remaining();
    (left(&State::EMPTY), left(state))
}

#[test]
fn b106_a_limit_that_changes_goes_on_from_what_was_used() {
    for strategy in each() {
        let strategy = &*strategy;
        let kept = kept(strategy);
        // One unit at a time, because the queue of a leaky bucket stores requests as a whole.
        let used = (0..40).fold(State::EMPTY, |state, _| ask(strategy, &state, 100, 1).1);
        let reset_after = ask(strategy, &used, 100, 0).0.reset_after();
        for limit in [20, 50, 80, 100, 120, 200, 1_000] {
            let (whole, left) = left(strategy, &used, limit);
            let expected = match kept {
                Kept::Units => whole.saturating_sub(40),
                Kept::Time => left_of_bucket(whole, limit * 40 / 100),
            };
            assert_eq!(left, expected, "{strategy:?} under {limit}/min, of {whole}");
            if kept == Kept::Time && left < whole {
                assert_eq!(ask(strategy, &used, limit, 0).0.reset_after(), reset_after, "{strategy:?}");
            }
        }
    }
}

/// More than twice of what a bucket holds counts as a clock jump, after which the bucket is full.
const fn left_of_bucket(whole: u64, missing: u64) -> u64 {
    if missing / 2 <= whole { whole.saturating_sub(missing) } else { whole }
}

/// Also if the usage is above the new limit: until there is room again, and no longer.
#[test]
fn b106_a_limit_that_falls_below_what_was_used_lets_nobody_through_until_it_fits() {
    for strategy in each() {
        let strategy = &*strategy;
        let used = (0..100).fold(State::EMPTY, |state, _| ask(strategy, &state, 100, 1).1);
        for limit in [1, 10, 99] {
            let denied = ask(strategy, &used, limit, 1).0;
            let (whole, _) = left(strategy, &used, limit);
            // A bucket with its own size loses nothing of it.
            if whole != limit {
                continue;
            }
            let wait =
                denied.retry_after().unwrap_or_else(|| panic!("{strategy:?} under {limit}/min: {denied:?}"));
            let at = |wait: u64| Arrival::new(Rate::per_minute(limit), 1, START + wait);
            let wait = u64::try_from(wait.as_micros()).expect("short");
            assert!(!strategy.step(&used, &at(wait - 1)).quota.fits(), "{strategy:?} under {limit}/min");
            assert!(strategy.step(&used, &at(wait)).quota.fits(), "{strategy:?} under {limit}/min");
        }
    }
}

#[test]
fn b106_a_burst_that_falls_below_half_of_what_is_missing_begins_anew() {
    use throttle_runtime::strategy::TokenBucket;

    let used = ask(&TokenBucket::new().burst(100), &State::EMPTY, 10, 100).1;
    for burst in [200, 100, 50, 49, 1] {
        let left = ask(&TokenBucket::new().burst(burst), &used, 10, 0).0.remaining();
        assert_eq!(left, left_of_bucket(burst, 100), "{burst}");
    }
    assert_eq!([50, 49].map(|burst| left_of_bucket(burst, 100)), [0, 49]);
}
