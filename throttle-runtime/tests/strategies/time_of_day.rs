//! Limits by the time of day: behaviour 92.

use proptest::prelude::*;
use throttle_runtime::strategy::{Arrival, Multiplier, State, Strategy, TimeOfDay};
use throttle_runtime::{Rate, Registry, Settings, registry};

use crate::common::{Request, START, micros, run_from};

const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;

/// 29 March 2026, 1:00 UTC: clocks in Berlin go from 2:00 to 3:00.
const SPRING: u64 = 1_774_746_000_000_000;
/// 25 October 2026, 1:00 UTC: clocks in Berlin go from 3:00 to 2:00.
const AUTUMN: u64 = 1_792_890_000_000_000;

/// Returns the hour in Berlin in 2026, computed from the two days on which clocks change.
fn hour_in_berlin(at: u64) -> u64 {
    let ahead = if (SPRING..AUTUMN).contains(&at) { 2 } else { 1 };
    (at / HOUR + ahead) % 24
}

fn left(strategy: &TimeOfDay, at: u64) -> u64 {
    strategy.step(&State::EMPTY, &Arrival::new(Rate::per_minute(10), 0, at)).quota.remaining()
}

#[test]
fn b092_a_window_begins_on_its_hour_and_ends_before_it() {
    let strategy = TimeOfDay::office_hours("UTC");
    let midnight = START - START % (24 * HOUR);
    let at = |hour: u64| left(&strategy, midnight + hour * HOUR);
    let before = |hour: u64| left(&strategy, midnight + hour * HOUR - 1);
    assert_eq!(
        [at(0), before(8), at(8), before(17), at(17), before(24), at(24)],
        [20, 20, 10, 10, 15, 15, 20]
    );
}

#[test]
fn b092_a_window_goes_on_over_midnight() {
    let strategy = TimeOfDay::in_zone("UTC").window(22, 6, Multiplier::new(2));
    let midnight = START - START % (24 * HOUR);
    let hours = [21, 22, 23, 24, 29, 30].map(|hour| left(&strategy, midnight + hour * HOUR));
    assert_eq!(hours, [10, 20, 20, 20, 20, 10]);
    let all_day = TimeOfDay::in_zone("UTC").window(0, 24, Multiplier::new(2));
    assert!((0..24).all(|hour| left(&all_day, midnight + hour * HOUR) == 20));
}

#[test]
fn b092_hours_are_those_of_the_zone() {
    let midnight = START - START % (24 * HOUR);
    for (zone, minutes) in
        [("+05:00", 300), ("-03:30", -210), ("Asia/Kolkata", 330), ("Pacific/Kiritimati", 840)]
    {
        let strategy = TimeOfDay::in_zone(zone).window(9, 10, Multiplier::new(2));
        let nine = (midnight + 9 * HOUR).saturating_add_signed(-minutes * 60_000_000);
        assert_eq!(
            [nine - 1, nine, nine + HOUR - 1, nine + HOUR].map(|at| left(&strategy, at)),
            [10, 20, 20, 10],
            "{zone}"
        );
    }
}

#[test]
fn b092_clocks_go_forward_and_back() {
    let strategy =
        TimeOfDay::in_zone("Europe/Berlin").window(2, 3, Multiplier::new(2)).window(3, 4, Multiplier::new(3));
    let around =
        |change: u64| [change - HOUR, change - 1, change, change + HOUR].map(|at| left(&strategy, at));
    assert_eq!(around(SPRING), [10, 10, 30, 10], "there is no hour from 2 to 3");
    assert_eq!(around(AUTUMN), [20, 20, 20, 30], "there are two of them");
}

/// 25 of `10/day` fit only between 3:00 and 4:00, when the limit is 30.
#[test]
fn b092_a_wait_leads_over_a_change_of_the_clock() {
    let strategy = TimeOfDay::in_zone("Europe/Berlin").window(3, 4, Multiplier::new(3));
    let wait = |at| {
        let step = strategy.step(&State::EMPTY, &Arrival::new(Rate::per_day(10), 25, at));
        micros(step.quota.retry_after().expect("a wait")) / HOUR
    };
    assert_eq!((wait(SPRING - 2 * HOUR), wait(AUTUMN - 3 * HOUR)), (2, 4));
    // The hour that is skipped comes on the next day.
    let strategy = TimeOfDay::in_zone("Europe/Berlin").window(2, 3, Multiplier::new(3));
    let step = strategy.step(&State::EMPTY, &Arrival::new(Rate::per_day(10), 25, SPRING - HOUR));
    assert_eq!(step.quota.retry_after().map(|wait| wait.as_secs()), Some(24 * 3_600));
    assert!(strategy.step(&State::EMPTY, &Arrival::new(Rate::per_day(10), 31, SPRING)).quota.is_never());
}

/// 14 March 2010, 3:31 UTC: in Newfoundland 0:01 becomes 1:01, so that hour has 59 minutes.
#[test]
fn b092_clocks_change_at_odd_minutes() {
    const CHANGE: u64 = 1_268_537_460_000_000;
    let strategy = TimeOfDay::in_zone("America/St_Johns").window(1, 2, Multiplier::new(3));
    let step = strategy.step(&State::EMPTY, &Arrival::new(Rate::per_day(10), 25, CHANGE - MINUTE / 2));
    assert_eq!(step.quota.retry_after().map(|wait| wait.as_secs()), Some(30));
    let around = [CHANGE - 1, CHANGE, CHANGE + 59 * MINUTE - 1, CHANGE + 59 * MINUTE];
    assert_eq!(around.map(|at| left(&strategy, at)), [10, 30, 30, 10]);
}

#[tokio::test]
async fn a_zone_that_does_not_exist_stops_the_start() {
    let settings = Settings::new().rate("10/min").strategy(TimeOfDay::in_zone("Mars/Olympus_Mons"));
    let error = registry().defaults(settings.clone()).build().await.expect_err("no such zone");
    assert!(error.to_string().contains("the time zone `Mars/Olympus_Mons`"), "{error}");
    let error = Registry::default().create("t", settings).expect_err("no such zone");
    assert!(error.to_string().contains("the time zone `Mars/Olympus_Mons`"), "{error}");
    // Such a strategy is not meant to decide. If it does, the lowest limit applies.
    let strategy = TimeOfDay::in_zone("Mars/Olympus_Mons").window(8, 9, Multiplier::ratio(1, 2));
    assert_eq!(left(&strategy, START), 5);
    assert_eq!(TimeOfDay::in_zone("Europe/Berlin").problem(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Compared with the local hours. A wait is the first of all minutes in which the request fits.
    #[test]
    fn b092_limits_and_waits_follow_the_clock_on_the_wall(
        start in prop::sample::select(vec![START, SPRING, AUTUMN]),
        before in 0..50_u64,
        gaps in prop::collection::vec((0..300_i64, 0..40_u64), 1..40),
        (from, hours, times) in (0..24_u8, 1..24_u8, 1..4_u32),
        period in prop::sample::select(vec![1_u64, 3, 24, 168]),
        limit in 1..20_u64,
    ) {
        let strategy = TimeOfDay::in_zone("Europe/Berlin").window(from, (from + hours) % 24, Multiplier::ratio(times, 2));
        let limit_at = |at: u64| {
            let since = (hour_in_berlin(at) + 24 - u64::from(from)) % 24;
            if since < u64::from(hours) { (limit * u64::from(times) / 2).max(1) } else { limit }
        };
        let rate = Rate::new(limit, std::time::Duration::from_secs(period * 3_600)).expect("a rate");
        let begin = (start - before * HOUR) / MINUTE * MINUTE;
        let schedule: Vec<_> =
            gaps.into_iter().map(|(minutes, cost)| Request::new(minutes * 60_000_000, cost)).collect();
        let (mut window, mut used, mut wrong) = (0, 0, None);
        run_from(begin, &strategy, rate, &schedule, |arrival, _, step| {
            let window_of = |at: u64| at / rate.period_micros();
            used = if window_of(arrival.now) == window { used } else { 0 };
            window = window_of(arrival.now);
            let fits = |at: &u64| arrival.cost + if window_of(*at) == window { used } else { 0 } <= limit_at(*at);
            let minutes = (0..24 * 60 * 10).map(|minute| arrival.now + minute * MINUTE);
            let wait = minutes.into_iter().find(fits).map(|at| at - arrival.now);
            let said = match (step.quota.fits(), step.quota.retry_after()) {
                (true, _) => Some(0),
                (false, wait) => wait.map(micros),
            };
            if said != wait && arrival.cost > 0 {
                wrong = Some((*arrival, said, wait));
            }
            used += if step.quota.fits() { arrival.cost } else { 0 };
        });
        prop_assert_eq!(wrong, None);
    }
}
