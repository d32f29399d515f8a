//! A program may change its limits for a year: neither its memory nor the time of a change grows.

use std::sync::Arc;
use std::time::Duration;

use throttle_runtime::rule::Rules;
use throttle_runtime::strategy::{Class, TokenBucket};
use throttle_runtime::{Decision, Hit, OnError, Rate, Registry, Rule, Settings, Throttle};

use super::{allocations, hit};

/// Returns the bytes that are allocated after the work in addition to those before it.
fn growth(work: impl FnOnce()) -> i64 {
    allocation_counter::measure(work).bytes_current
}

fn throttle(registry: &Registry) -> Throttle {
    registry.create("t", Settings::new().rate("100/min")).expect("a throttle")
}

fn update(throttle: &Throttle, settings: Settings) -> Decision {
    throttle.update(settings).expect("an update");
    hit(throttle, "a client")
}

fn limit(decision: &Decision) -> u64 {
    decision.quotas()[0].rate().limit()
}

/// Less than a byte for each of the updates.
const FLAT: i64 = 4_096;

#[test]
fn f50_rates_that_change_each_second_leave_nothing() {
    let throttle = throttle(&Registry::default());
    let change = |number: u64| {
        let decision = update(&throttle, Settings::new().rate(Rate::per_minute(1_000 + number)));
        assert_eq!(limit(&decision), 1_000 + number);
    };
    (0..100).for_each(change);
    let growth = growth(|| (100..20_100).for_each(change));
    assert!(growth < FLAT, "{growth} bytes");
}

#[test]
fn f50_nothing_that_can_be_updated_is_kept() {
    type Make = fn(u64) -> Settings;
    let kinds: [(&str, Make); 13] = [
        ("rate", |number| Settings::new().rate(Rate::per_hour(1_000_000 + number))),
        ("rate fn", |number| Settings::new().rate(move || async move { Rate::per_hour(1_000_000 + number) })),
        ("cost", |number| Settings::new().rate("1000000000/min").cost(1 + number)),
        ("class", |number| Settings::new().class(Class::new(&format!("class {number}")))),
        ("strategy", |number| Settings::new().strategy(TokenBucket::new().burst(1_000 + number))),
        ("key", |number| Settings::new().key(move || async move { number })),
        ("exempt", |number| Settings::new().exempt(move || async move { number == 0 })),
        ("on_error", |number| Settings::new().on_error(OnError::Throttle(Duration::from_micros(number)))),
        ("rules", |number| {
            let rule = |name| format!("/{name}/{number}").parse::<Rule>().expect("a rule");
            Settings::new().only(rule("only")).bypass(rule("bypass"))
        }),
        ("outcome", |number| {
            Settings::new().charge_when(move |status: http::StatusCode| u64::from(status.as_u16()) == number)
        }),
        ("deadline", |number| Settings::new().timeout(Duration::from_micros(1_000 + number))),
        ("backend", |_| Settings::new().backend("memory".to_owned())),
        ("networks", |number| {
            let lists = ["10.0.0.0/8", "10.0.0.0/9", "10.0.0.0/10, 10.64.0.0/10"];
            Settings::new().allow(lists[usize::from(number % 3 == 0) + usize::from(number % 2 == 0)])
        }),
    ];
    for (kind, make) in kinds {
        let throttle = throttle(&Registry::default());
        let change = |number| {
            throttle.update(make(number)).expect("an update");
            let _ = hit(&throttle, Hit::from("a client").cost(1));
        };
        (0..100).for_each(change);
        let growth = growth(|| (100..4_200).for_each(change));
        assert!(growth < FLAT, "{kind}: {growth} bytes");
    }
}

/// Measured in allocations, which are the same on every machine. A comparison of settings allocates their
/// texts.
#[test]
fn f50_the_16_000th_update_does_as_much_as_the_100th() {
    let throttle = throttle(&Registry::default());
    let change = |number: u64| {
        throttle.update(Settings::new().rate(Rate::per_minute(100_000 + number))).expect("an update");
    };
    let work = |number| {
        let made = allocation_counter::measure(|| change(number));
        (made.count_total, made.bytes_total)
    };
    (0..100).for_each(change);
    let early = work(100);
    (101..16_000).for_each(change);
    assert_eq!(work(16_000), early);
}

#[test]
fn f50_what_an_update_replaced_is_freed() {
    let throttle = throttle(&Registry::default());
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let rate = move || {
        let held = Arc::clone(&held);
        async move {
            drop(held);
            Rate::per_minute(5)
        }
    };
    assert_eq!(limit(&update(&throttle, Settings::new().rate(rate))), 5);
    assert!(Arc::strong_count(&token) > 1);
    for number in 0..20 {
        let _ = update(&throttle, Settings::new().rate(Rate::per_minute(10 + number)));
    }
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn f50_a_decision_after_an_update_allocates_nothing() {
    let throttle = throttle(&Registry::default());
    (1..3).for_each(|number| drop(update(&throttle, Settings::new().rate(Rate::per_day(1_000 + number)))));
    assert_eq!(allocations(|| (0..200).for_each(|_| drop(hit(&throttle, "a client")))), 0);
}

#[test]
fn f50_throttles_that_come_and_go_leave_nothing() {
    let registry = Registry::default();
    let live = |number: u64| {
        let uid = format!("import {number}");
        let settings = Settings::new().rate(Rate::per_minute(1_000 + number));
        let throttle = registry.create(&uid, settings).expect("a throttle");
        // One client for the whole process, because states are kept until they expire.
        let _ = hit(&throttle, "a client");
        assert!(registry.remove(&uid) && !registry.remove(&uid));
        assert!(registry.get(&uid).is_none());
    };
    (0..2_000).for_each(live);
    let growth = growth(|| (2_000..20_000).for_each(live));
    // States of 24 bytes in pages that are at least half full, their index, and the table's data about each
    // limit.
    assert!(growth < 18_000 * 240, "{growth} bytes");
}

#[test]
fn f50_a_registry_has_ten_thousand_throttles_at_most() {
    let registry = Registry::default();
    let create = |number: usize| registry.create(&format!("{number}"), Settings::new().rate("1/min"));
    (0..10_000).for_each(|number| drop(create(number).expect("a throttle")));
    let error = create(10_000).expect_err("it is full").to_string();
    assert!(error.contains("10000 throttles") && error.contains("Registry::remove"), "{error}");
    assert!(registry.remove("7"));
    assert!(create(10_000).is_ok());
}

#[test]
fn f50_rules_are_added_a_thousand_times_at_most() {
    let registry = Registry::default();
    let throttle = throttle(&registry);
    let rules = |number| Rules::new().only(format!("/{number}").parse::<Rule>().expect("a rule"));
    let listed = || throttle.effective().settings().len();
    let before = listed();
    registry.add_rules("t", rules(0)).expect("room");
    for _ in 0..10_000 {
        registry.add_rules("t", Rules::new()).expect("they are there");
    }
    assert!(listed() <= before + 2, "the same rules count once");
    let added = (1..2_000).take_while(|number| registry.add_rules("t", rules(*number)).is_ok()).count();
    assert_eq!(added, 998);
}
