use proptest::prelude::*;
use std::time::Duration;

use super::*;

fn parsed(text: &str) -> (u64, u64) {
    let rate: Rate = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    (rate.limit(), rate.period_micros() / MILLISECOND)
}

#[test]
fn b001_accepted_forms() {
    let forms = [
        ("5/m", 5, 60_000),
        ("2/5s", 2, 5_000),
        ("10/30 seconds", 10, 30_000),
        ("2 per second", 2, 1_000),
        ("2 per 5s", 2, 5_000),
        ("2persecond", 2, 1_000),
        ("  10  /  5s  ", 10, 5_000),
        ("100/MIN", 100, 60_000),
        ("1000/500ms", 1_000, 500),
        ("50/d", 50, 86_400_000),
        ("5/1 day", 5, 86_400_000),
        ("5 / 1 h", 5, 3_600_000),
        ("5PER S", 5, 1_000),
        ("5/ms", 5, 1),
        ("005/s", 5, 1_000),
        ("5/01s", 5, 1_000),
        ("5/\ts", 5, 1_000),
        ("5/s\n", 5, 1_000),
        ("5/999999999999d", 5, 0),
    ];
    for (text, limit, period) in &forms[..forms.len() - 1] {
        assert_eq!(parsed(text), (*limit, *period), "{text:?}");
    }
    assert_eq!("5/999999999999d".parse::<Rate>(), Err(RateError::LongPeriod));
}

#[test]
fn b002_every_unit_and_no_other() {
    let units = [
        (1, "ms millisecond milliseconds"),
        (1_000, "s sec secs second seconds"),
        (60_000, "m min mins minute minutes"),
        (3_600_000, "h hr hrs hour hours"),
        (86_400_000, "d day days"),
        (604_800_000, "w week weeks"),
    ];
    for (period, spellings) in units {
        for unit in spellings.split(' ') {
            assert_eq!(parsed(&format!("3/{unit}")), (3, period));
            assert_eq!(parsed(&format!("3 per 1 {}", unit.to_uppercase())), (3, period));
        }
    }
    for unit in ["us", "year", "month", "fortnight", "x", "hurs", "mn", "dy", "msec", "millis", "µs"] {
        let error = format!("3/{unit}").parse::<Rate>().expect_err(unit).to_string();
        let calendar = error.contains("days or weeks");
        assert!(calendar || error.contains("ms, s, min, hour, day, week"), "{unit}: {error}");
    }
    assert_eq!("3/mn".parse::<Rate>(), Err(RateError::Unit(Some("min"))));
    assert_eq!("3/millis".parse::<Rate>(), Err(RateError::Unit(Some("milliseconds"))));
}

#[test]
fn b003_rejected_forms() {
    let forms = [
        "",
        " ",
        "5",
        "5s",
        "5/",
        "5per",
        "/s",
        "per s",
        "5/10/s",
        "5//s",
        "5 per/s",
        "5 per per s",
        "abc/s",
        "5.5/s",
        "-5/s",
        "+5/s",
        "1_000/s",
        "0/s",
        "5/x",
        "5/5.5s",
        "5/0s",
        "0/0s",
        "5/-5s",
        "5/5s@",
        "super/s",
        "٥/s",
        "5/s,",
        ",5/s",
        "5/s 5/s",
        "5/s,,5/s",
        "5/s, 5",
        "\0",
        "5/\0",
        "5/é",
        "unlimitedly",
    ];
    for text in forms {
        assert!(text.parse::<Rates>().is_err(), "{text:?} is accepted");
    }
    assert!("1/s, 2/m".parse::<Rate>().is_err(), "several limits are not one rate");
}

#[test]
fn b005_zero_is_never_unlimited() {
    assert_eq!("0/s".parse::<Rate>(), Err(RateError::ZeroLimit));
    assert_eq!(Rate::new(0, Duration::from_secs(1)), Err(RateError::ZeroLimit));
    assert_eq!(Rate::new(1, Duration::ZERO), Err(RateError::ZeroPeriod));
    assert!(Rate::UNLIMITED.is_unlimited());
}

#[test]
fn b007_near_the_limits_of_integers() {
    assert_eq!(parsed("18446744073709551615/s"), (u64::MAX, 1_000));
    assert_eq!("18446744073709551616/s".parse::<Rate>(), Err(RateError::Overflow));
    assert_eq!("99999999999999999999999999/s".parse::<Rate>(), Err(RateError::Overflow));
    assert_eq!("1/18446744073709551ms".parse::<Rate>(), Err(RateError::LongPeriod));
    assert_eq!(Rate::new(1, Duration::MAX), Err(RateError::LongPeriod));
    assert_eq!(Rate::new(1, Duration::from_micros(1_500)), Err(RateError::FinePeriod));
}

#[test]
fn f48_the_longest_period_is_named() {
    const AT_COMPILE_TIME: Result<Rates, RateError> = Rates::parse("1/36501days");
    assert_eq!(AT_COMPILE_TIME, Err(RateError::LongPeriod));
    let longest = Rate::new(7, Rate::MAX_PERIOD).expect("the longest period");
    for text in ["7/36500days", "7 per 876000 h", "7/3153600000000ms"] {
        assert_eq!(text.parse::<Rate>(), Ok(longest), "{text}");
    }
    assert_eq!(longest.to_string().parse(), Ok(longest));
    let longer = Rate::MAX_PERIOD + Duration::from_millis(1);
    let mut refused = vec![Rate::new(7, longer), Rate::new(1, Duration::from_millis(1 << 53))];
    let texts =
        ["7/36501d", "7/3153600000001ms", "7/5215w", "7/18446744073709551616d", "1/s, 7/99999999999999d"];
    refused.extend(texts.map(|text| text.parse::<Rates>().map(|rates| rates[0])));
    for refused in refused {
        let error = refused.expect_err("a period that is too long");
        assert_eq!(error, RateError::LongPeriod);
        assert!(error.to_string().contains("36500days"), "{error}");
    }
}

#[test]
fn b008_equal_however_written() {
    let minute = Rate::per_minute(7);
    for text in ["7/60s", "7/1m", "7/60000ms", "7 per minute"] {
        assert_eq!(text.parse::<Rate>(), Ok(minute), "{text}");
    }
    assert_eq!(Rate::new(7, Duration::from_secs(60)), Ok(minute));
}

#[test]
fn several_limits() {
    let rates: Rates = "10/s, 100/min; 1000 per day".parse().expect("three limits");
    assert_eq!(*rates, [Rate::per_second(10), Rate::per_minute(100), Rate::per_day(1_000)]);
    assert_eq!(rates.to_string(), "10/s, 100/min, 1000/day");
    let eight = ["1/s"; 8].join(",");
    assert_eq!(eight.parse::<Rates>().map(|rates| rates.len()), Ok(8));
    assert_eq!(format!("{eight},1/s").parse::<Rates>(), Err(RateError::TooMany));
    assert_eq!(Rates::try_from(&[][..]), Err(RateError::Limit));
    assert_eq!(Rates::try_from(&[Rate::UNLIMITED; 9][..]), Err(RateError::TooMany));
}

#[test]
fn the_parser_runs_at_compile_time() {
    const RATES: Result<Rates, RateError> = Rates::parse("10/s, 100/min");
    assert_eq!(RATES, "10/s,100/min".parse());
}

#[cfg(feature = "serde")]
#[test]
fn serde_uses_the_same_text() {
    let rates: Rates = serde_json::from_str("\"10/s, 100/min\"").expect("a rate in JSON");
    assert_eq!(serde_json::to_string(&rates).expect("JSON"), "\"10/s, 100/min\"");
    assert!(serde_json::from_str::<Rate>("\"0/s\"").expect_err("zero").to_string().contains("at least 1"));
}

proptest! {
    #[test]
    fn display_parses_back(limit in 1..=u64::MAX, millis in 1..=MAX_PERIOD / MILLISECOND) {
        let rate = Rate::new(limit, Duration::from_millis(millis)).expect("a valid rate");
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = text.parse::<Rates>();
    }

    #[test]
    fn nearly_valid_text_never_panics(text in "[0-9]{0,22}[ /per]{0,4}[0-9]{0,22}[ a-z]{0,12}[,;]?[0-9/s]{0,4}") {
        let _ = text.parse::<Rates>();
    }
}

#[test]
fn unlimited_is_a_word() {
    assert_eq!("Unlimited".parse::<Rate>(), Ok(Rate::UNLIMITED));
    assert_eq!(Rate::UNLIMITED.to_string(), "unlimited");
}
