//! Windows of a calendar.

use std::time::Duration;

use proptest::prelude::*;
use throttle_runtime::strategy::{Arrival, Calendar, State, Strategy};
use throttle_runtime::{Rate, Settings, registry};

use crate::common::{Request, run_from};

const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;
const BERLIN: Calendar = Calendar::in_zone("Europe/Berlin");

/// 1 January 2026, 0:00 in Berlin: a Thursday.
const NEW_YEAR: u64 = 1_767_222_000_000_000;

fn rate(limit: u64, days: u64) -> Rate {
    Rate::new(limit, Duration::from_secs(days * 86_400)).expect("a rate")
}

/// The length of each month of 2026 in Berlin, in hours. Clocks change in March and October.
const MONTHS: [u64; 12] = [744, 672, 743, 720, 744, 720, 744, 744, 720, 745, 720, 744];

/// Returns the end of the month that contains a time of 2026.
fn end_of_month(at: u64) -> u64 {
    let mut end = NEW_YEAR;
    MONTHS
        .iter()
        .map(|hours| {
            end += hours * HOUR;
            end
        })
        .find(|end| at < *end)
        .expect("2026")
}

fn end(calendar: Calendar, days: u64, at: u64) -> u64 {
    let quota = calendar.step(&State::EMPTY, &Arrival::new(rate(10, days), 1, at)).quota;
    at + u64::try_from(quota.reset_after().as_micros()).expect("a time")
}

#[test]
fn months_are_those_of_the_zone() {
    let mut begin = NEW_YEAR;
    for hours in MONTHS {
        let next = begin + hours * HOUR;
        assert_eq!([begin, begin + 1, next - 1].map(|at| end(BERLIN, 30, at)), [next; 3]);
        begin = next;
    }
    // A leap year, in UTC.
    let february = 1_706_745_600_000_000;
    assert_eq!(end(Calendar::in_zone("UTC"), 30, february), february + 29 * DAY);
}

#[test]
fn days_weeks_and_years_are_those_of_the_zone() {
    assert_eq!(end(BERLIN, 365, NEW_YEAR), NEW_YEAR + 365 * DAY);
    // Until Sunday, and a week later.
    assert_eq!(end(BERLIN, 7, NEW_YEAR), NEW_YEAR + 4 * DAY);
    assert_eq!(end(BERLIN, 7, NEW_YEAR + 4 * DAY), NEW_YEAR + 11 * DAY);
    assert_eq!(end(BERLIN, 1, NEW_YEAR - 1), NEW_YEAR);
    // 29 March has 23 hours, 25 October has 25.
    let (spring, autumn) = (1_774_738_800_000_000, 1_792_879_200_000_000);
    assert_eq!([end(BERLIN, 1, spring), end(BERLIN, 1, autumn)], [spring + 23 * HOUR, autumn + 25 * HOUR]);
    // In Cairo, the last Friday of April 2026 begins at 1:00.
    let cairo = 1_776_981_600_000_000;
    assert_eq!(end(Calendar::in_zone("Africa/Cairo"), 1, cairo - 1), cairo);
    assert_eq!(end(Calendar::in_zone("Africa/Cairo"), 1, cairo), cairo + 23 * HOUR);
}

/// After the clock steps back from the next window, the usage is still there.
#[test]
fn b094_a_clock_that_steps_back_frees_nobody_and_locks_nobody_out() {
    let arrival = |at, cost| Arrival::new(rate(10, 30), cost, at);
    let february = end_of_month(NEW_YEAR);
    let state = BERLIN.step(&State::EMPTY, &arrival(february + 1, 9)).state;
    let back = BERLIN.step(&state, &arrival(february - 1, 2)).quota;
    assert_eq!((back.fits(), back.remaining()), (false, 1));
    // By more than a window: the state counts as none.
    let before = BERLIN.step(&state, &arrival(NEW_YEAR - 1, 10)).quota;
    assert!(before.fits());
}

#[test]
fn a_refund_stays_in_its_window() {
    let arrival = |at, cost| Arrival::new(rate(10, 30), cost, at);
    let february = end_of_month(NEW_YEAR);
    let state = BERLIN.step(&State::EMPTY, &arrival(february, 9)).state;
    let back = |elapsed| BERLIN.refund(&state, &arrival(february + HOUR, 4), elapsed).word();
    assert_eq!((back(HOUR), back(HOUR + 1)), (5, 9));
}

#[tokio::test]
async fn a_period_that_no_calendar_has_stops_the_start() {
    let settings = |rate: &'static str| Settings::new().rate(rate).strategy(BERLIN);
    let registry = registry().build().await.expect("nothing is wrong");
    let error = registry.create("t", settings("10/day; 100/90days")).expect_err("no such period");
    assert!(error.to_string().contains("the period of 100/90day"), "{error}");
    registry
        .create("t", settings("10/min; 100/day; 100/week; 100/30days; 100/365days"))
        .expect("all are there");
    let error = registry.create("u", settings("1/day").strategy(Calendar::in_zone("Mars/Olympus_Mons")));
    assert!(error.expect_err("no such zone").to_string().contains("the time zone `Mars/Olympus_Mons`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Compared with counts by month. A wait is the time to the end of the month.
    #[test]
    fn each_month_has_the_limit_once(
        begin in 0..340_u64,
        gaps in prop::collection::vec((0..60_i64, 0..9_u64), 1..60),
        limit in 1..20_u64,
    ) {
        let schedule: Vec<_> =
            gaps.into_iter().map(|(hours, cost)| Request::new(hours * 3_600_000_000, cost)).collect();
        let begin = NEW_YEAR + begin * DAY - 1;
        let total: u64 = schedule.iter().map(|request| request.gap.unsigned_abs()).sum();
        prop_assume!(begin > NEW_YEAR && begin + total < NEW_YEAR + 365 * DAY);
        let (mut month, mut used, mut wrong) = (0, 0, None);
        run_from(begin, &BERLIN, rate(limit, 30), &schedule, |arrival, _, step| {
            let end = end_of_month(arrival.now);
            used = if end == month { used } else { 0 };
            month = end;
            let fits = used + arrival.cost <= limit;
            used += if fits { arrival.cost } else { 0 };
            let wait = (!fits && arrival.cost <= limit).then(|| Duration::from_micros(end - arrival.now));
            let right = (fits, limit - used, wait);
            let quota = &step.quota;
            if (quota.fits(), quota.remaining(), quota.retry_after()) != right {
                wrong.get_or_insert((arrival.now, *quota, right));
            }
        });
        prop_assert_eq!(wrong, None);
    }
}
