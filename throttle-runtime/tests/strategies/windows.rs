//! Windows, each compared with a slow and obviously correct form: behaviours 83 to 85 and 91.

use std::collections::BTreeMap;

use proptest::prelude::*;
use throttle_runtime::Rate;
use throttle_runtime::strategy::{
    Adaptive, Arrival, FixedWindow, QuotaWithRollover, SlidingWindowCounter, SlidingWindowLog, State,
    Strategy,
};

use crate::common::{Admitted, Request, START, rate, run, schedule};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn b083_a_window_admits_the_limit_and_all_of_it(rate in rate(), schedule in schedule()) {
        let mut admitted = Admitted::default();
        let mut wrong = None;
        run(&FixedWindow, rate, &schedule, |arrival, _, step| {
            let (now, cost) = (arrival.now, arrival.cost);
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
        run(&SlidingWindowLog, rate, &schedule, |arrival, _, step| {
            let (now, cost) = (arrival.now, arrival.cost);
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

    /// Compared with the definition, computed from the list of admissions.
    #[test]
    fn b085_a_window_counter_follows_its_definition(rate in rate(), schedule in schedule()) {
        let mut admitted = Admitted::default();
        let mut wrong = None;
        run(&SlidingWindowCounter, rate, &schedule, |arrival, _, step| {
            let (now, cost) = (arrival.now, arrival.cost);
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

    /// Compared with the list of the usage in each window.
    #[test]
    fn b091_what_carries_over_follows_its_definition(
        rate in rate(),
        schedule in schedule(),
        (percent, max) in (0..=100_u8, 0..20_u64),
    ) {
        let mut used: BTreeMap<u64, u64> = BTreeMap::new();
        let mut wrong = None;
        let quota = QuotaWithRollover::new().rollover(percent).max_rollover(max);
        run(&quota, rate, &schedule, |arrival, _, step| {
            let window = arrival.now / rate.period_micros();
            let carried = used.get(&(window - 1)).map_or(0, |used| {
                max.min(rate.limit().saturating_sub(*used) * u64::from(percent) / 100)
            });
            let after = used.get(&window).unwrap_or(&0) + arrival.cost;
            if step.quota.fits() != (after <= rate.limit() + carried) {
                wrong = Some((*arrival, carried));
            }
            if step.quota.fits() && arrival.cost > 0 {
                used.insert(window, after);
            }
        });
        prop_assert_eq!(wrong, None);
    }

    /// The strategy's own usage is the load: window by window, including idle windows.
    #[test]
    fn an_adaptive_limit_follows_its_definition(
        rate in rate(),
        schedule in schedule(),
        (threshold, factor) in (1..1_000_u16, 1..1_000_u16),
        (recovery, min) in (1..1_000_u16, 1..1_000_u16),
    ) {
        let adaptive = Adaptive::new().load_threshold(threshold).reduction_factor(factor);
        let adaptive = adaptive.recovery_rate(recovery).min_limit_ratio(min);
        let (mut window, mut level, mut used) = (0, 1_000_u64, 0);
        let mut wrong = None;
        run(&adaptive, rate, &schedule, |arrival, _, step| {
            let units = |level: u64| (rate.limit() * level / 1_000).max(1);
            let now = arrival.now / rate.period_micros();
            while window < now && (used, level) != (0, 1_000) {
                level = if used * 1_000 > u64::from(threshold) * units(level) {
                    (level * u64::from(factor) / 1_000).max(min.into())
                } else {
                    1_000.min(level + u64::from(recovery))
                };
                (window, used) = (window + 1, 0);
            }
            window = now;
            if step.quota.fits() != (used + arrival.cost <= units(level)) {
                wrong = Some((*arrival, level));
            }
            used += if step.quota.fits() { arrival.cost } else { 0 };
        });
        prop_assert_eq!(wrong, None);
    }

    /// With a measured load, the first admitted request of a window determines the level of the window.
    #[test]
    fn a_measured_load_follows_its_definition(rate in rate(), schedule in schedule()) {
        let adaptive = Adaptive::new().load(|| 0);
        let (mut last, mut level, mut used) = (None::<u64>, 1_000_u64, 0);
        let mut wrong = None;
        run(&adaptive, rate, &schedule, |arrival, _, step| {
            let now = arrival.now / rate.period_micros();
            let (before, used_here) = match last {
                Some(last) if last == now => (level, used),
                Some(last) => ((level + (now - last - 1) * 100).min(1_000), 0),
                None => (1_000, 0),
            };
            let here = match (last == Some(now), arrival.load > 800) {
                (true, _) => level,
                (false, true) => (before * 600 / 1_000).max(300),
                (false, false) => (before + 100).min(1_000),
            };
            let most = (rate.limit() * here / 1_000).max(1);
            if step.quota.fits() != (used_here + arrival.cost <= most) {
                wrong = Some((*arrival, here));
            }
            if step.quota.fits() && arrival.cost > 0 {
                (last, level, used) = (Some(now), here, used_here + arrival.cost);
            }
        });
        prop_assert_eq!(wrong, None);
    }
}

const MINUTE: u64 = 60_000_000;

/// Returns how much is left in each of several minutes, in which a client uses all of it.
fn greedy(strategy: &dyn Strategy, rate: Rate, minutes: u64, load: u64) -> Vec<u64> {
    let mut state = State::EMPTY;
    let windows = (0..minutes).map(|minute| {
        let arrival = |cost| Arrival::new(rate, cost, START + minute * MINUTE).load(load);
        let left = strategy.step(&state, &arrival(0)).quota.remaining();
        state = strategy.step(&state, &arrival(left)).state;
        left
    });
    windows.collect()
}

#[test]
fn a_greedy_client_has_less_window_by_window_and_a_modest_one_everything() {
    let rate = Rate::per_minute(100);
    assert_eq!(greedy(&Adaptive::new(), rate, 6, 0), [100, 60, 36, 30, 30, 30]);
    let modest = vec![Request::new(1_000_000, 1); 600];
    run(&Adaptive::new(), rate, &modest, |arrival, _, step| assert!(step.quota.fits(), "{arrival:?}"));
}

#[test]
fn a_measured_load_lowers_the_limit_and_gives_it_back() {
    let (adaptive, rate) = (Adaptive::new().load(|| 801), Rate::per_minute(100));
    assert_eq!(Strategy::load(&adaptive), 801);
    assert_eq!(greedy(&adaptive, rate, 4, 801), [60, 36, 30, 30]);
    assert_eq!(greedy(&adaptive, rate, 4, 800), [100; 4], "not above the threshold");
    let state = adaptive.step(&State::EMPTY, &Arrival::new(rate, 1, START).load(900)).state;
    let later = |minutes| Arrival::new(rate, 0, START + minutes * MINUTE).load(0);
    let left = [1, 2, 4].map(|minutes| adaptive.step(&state, &later(minutes)).quota.remaining());
    assert_eq!(left, [70, 80, 100]);
}

#[test]
fn b091_half_of_what_is_unused_carries_over_up_to_the_maximum() {
    let (rate, day) = (Rate::per_day(100), 86_400_000_000);
    let left = |quota: QuotaWithRollover, used: u64, days: u64| {
        let state = quota.step(&State::EMPTY, &Arrival::new(rate, used, START)).state;
        quota.step(&state, &Arrival::new(rate, 0, START + days * day)).quota.remaining()
    };
    let quota = QuotaWithRollover::new();
    assert_eq!(quota.step(&State::EMPTY, &Arrival::new(rate, 0, START)).quota.remaining(), 100);
    assert_eq!([left(quota, 40, 0), left(quota, 40, 1), left(quota, 99, 1)], [60, 130, 100]);
    assert_eq!(left(quota, 40, 2), 100, "a whole day without a request ends it");
    assert_eq!(left(quota.max_rollover(10), 40, 1), 110);
    assert_eq!(left(quota.rollover(100).max_rollover(u64::MAX), 1, 1), 199);
    assert_eq!(left(quota.rollover(0), 40, 1), 100);
    // A request that fits only with carried-over quota waits for it. A request that never fits does not wait.
    let state = quota.step(&State::EMPTY, &Arrival::new(rate, 40, START)).state;
    let [fits, never] = [130, 131].map(|cost| quota.step(&state, &Arrival::new(rate, cost, START)).quota);
    assert!(fits.retry_after().is_some_and(|wait| wait.as_secs() < 86_400) && never.is_never());
}

/// Ten of ten were used, and then the limit is five.
#[test]
fn a_log_waits_for_enough_after_its_limit_was_lowered() {
    let mut state = State::EMPTY;
    for second in 0..10 {
        let arrival = Arrival::new(Rate::per_minute(10), 1, START + second * 1_000_000);
        state = SlidingWindowLog.step(&state, &arrival).state;
    }
    let step = SlidingWindowLog.step(&state, &Arrival::new(Rate::per_minute(5), 1, START + 10_000_000));
    assert_eq!(step.quota.retry_after().map(|wait| wait.as_secs()), Some(55));
}
