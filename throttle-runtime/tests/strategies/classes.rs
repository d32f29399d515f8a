//! Strategies that depend on the class of a request: behaviour 90.

use proptest::prelude::*;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Arrival, Class, Multiplier, Priority, PriorityQueue, State, Strategy, TieredRate,
};

use crate::common::{Request, START, admitted_at_once, rate, run, schedule};

const PRIORITIES: [Priority; 4] = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Compared with the list of all admitted requests.
    #[test]
    fn a_priority_counts_what_is_not_below_it(rate in rate(), schedule in schedule(), default in 0..4_usize) {
        let default = PRIORITIES[default];
        let mut admitted: Vec<(u64, Priority, u64)> = Vec::new();
        let mut wrong = None;
        run(&PriorityQueue::new().default_priority(default), rate, &schedule, |arrival, _, step| {
            let priority = match arrival.class.name() {
                "low" => Priority::Low,
                "normal" => Priority::Normal,
                "high" => Priority::High,
                "critical" => Priority::Critical,
                _ => default,
            };
            let counts = |(at, other, _): &&(u64, Priority, u64)| {
                *other >= priority && at + rate.period_micros() > arrival.now
            };
            let used: u64 = admitted.iter().filter(counts).map(|(.., cost)| cost).sum();
            if step.quota.fits() != (used + arrival.cost <= rate.limit()) && arrival.cost > 0 {
                wrong = Some((*arrival, used));
            }
            if step.quota.fits() {
                admitted.push((arrival.now, priority, arrival.cost));
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// Memory: an entry per microsecond and priority, and never more units than four limits.
    #[test]
    fn a_queue_of_priorities_is_bounded(rate in rate(), schedule in schedule()) {
        run(&PriorityQueue::new(), rate, &schedule, |_, _, step| {
            let units: u64 = step.state.list().chunks(2).map(|entry| entry[1]).sum();
            assert!(!step.quota.fits() || units <= 4 * rate.limit());
            assert!(step.state.list().chunks(2).is_sorted_by(|one, next| one[0] >> 2 <= next[0] >> 2));
        });
    }

    /// The tier of the request itself counts, whatever tiers other requests in the window had.
    #[test]
    fn b090_a_tier_has_its_multiple_of_the_limit(rate in rate(), schedule in schedule()) {
        let tiers = TieredRate::of("free", Multiplier::ONE).tier("premium", Multiplier::ratio(7, 2));
        let (mut window, mut used, mut wrong) = (0, 0, None);
        run(&tiers, rate, &schedule, |arrival, _, step| {
            let now = arrival.now / rate.period_micros();
            used = if now == window { used } else { 0 };
            window = now;
            let limit = if arrival.class.name() == "premium" { rate.limit() * 7 / 2 } else { rate.limit() };
            if step.quota.fits() != (used + arrival.cost <= limit) && arrival.cost > 0 {
                wrong = Some((*arrival, used));
            }
            used += if step.quota.fits() { arrival.cost } else { 0 };
        });
        prop_assert_eq!(wrong, None);
    }
}

const fn of_class(name: &'static str) -> Request {
    Request { class: Class::new(name), ..Request::new(0, 1) }
}

#[test]
fn b090_free_premium_enterprise_and_unknown() {
    let admitted = |name| admitted_at_once(&TieredRate::new(), Rate::per_minute(10), of_class(name), 200);
    assert_eq!(["free", "premium", "enterprise", "unheard-of", ""].map(admitted), [10, 50, 100, 10, 10]);
}

#[test]
fn b090_who_changes_the_tier_keeps_what_was_used() {
    let tiers = TieredRate::new();
    let arrival = |class, cost| Arrival::new(Rate::per_minute(10), cost, START).class(Class::new(class));
    let eight = tiers.step(&State::EMPTY, &arrival("free", 8)).state;
    let upgraded = tiers.step(&eight, &arrival("premium", 0));
    assert_eq!(upgraded.quota.remaining(), 42);
    let all = tiers.step(&eight, &arrival("premium", 34)).state;
    let downgraded = tiers.step(&all, &arrival("free", 1)).quota;
    assert!(!downgraded.fits() && !downgraded.is_never() && downgraded.remaining() == 0);
    // A query under the lower limit removes nothing of what the higher one allowed.
    let asked = tiers.step(&all, &arrival("free", 0)).state;
    assert_eq!(tiers.step(&asked, &arrival("premium", 0)).quota.remaining(), 8);
}

#[test]
fn low_priorities_are_pushed_out_first() {
    let (queue, rate) = (PriorityQueue::new(), Rate::per_minute(10));
    let mut state = State::EMPTY;
    let mut admitted = |name| {
        let mut count = 0;
        for _ in 0..20 {
            let step = queue.step(&state, &Arrival::new(rate, 1, START).class(Class::new(name)));
            if step.quota.fits() {
                (state, count) = (step.state, count + 1);
            }
        }
        count
    };
    assert_eq!(["critical", "low", "high", "normal"].map(&mut admitted), [10, 0, 0, 0]);
    let mut state = State::EMPTY;
    let mut left = |name, cost| {
        let step = queue.step(&state, &Arrival::new(rate, cost, START).class(Class::new(name)));
        state = step.state;
        step.quota.remaining()
    };
    assert_eq!(left("low", 10), 0);
    assert_eq!((left("normal", 4), left("high", 3), left("normal", 0), left("low", 0)), (6, 7, 3, 0));
    assert_eq!(left("critical", 0), 10);
}

/// The limit may be above 1000, where another library cuts its queue off.
#[test]
fn a_large_limit_is_kept() {
    let (queue, rate) = (PriorityQueue::new(), Rate::per_minute(3_000));
    assert_eq!(admitted_at_once(&queue, rate, Request { gap: 1, ..of_class("high") }, 4_000), 3_000);
}
