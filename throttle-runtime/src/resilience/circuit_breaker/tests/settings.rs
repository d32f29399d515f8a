//! The settings that attributes may contain.

use super::*;

const CONSTANT: CircuitBreaker = CircuitBreaker::new()
    .failure_threshold(1)
    .recovery_timeout(Duration::from_millis(250))
    .success_threshold(1)
    .growth(2, WAIT)
    .jitter(100)
    .named("cache")
    .on_transition(|_| ());

#[test]
fn b058_settings_are_constants() {
    const { assert!(CONSTANT.on_transition.is_some()) }
    assert_eq!(CONSTANT.to_string(), "breaker(cache: 1 failure, 250ms x2 up to 30s less 100%, 1 success)");
}

macro_rules! rejected {
    ($($name:ident: $what:ident($($value:expr),*) => $why:literal;)*) => { $(
        #[test]
        #[should_panic(expected = $why)]
        fn $name() {
            let _ = CircuitBreaker::new().$what($($value),*);
        }
    )* };
}

rejected! {
    b058_no_failures: failure_threshold(0) => "write `failure_threshold(1)` or more";
    b058_no_time: recovery_timeout(Duration::ZERO) => "write `recovery_timeout(";
    b058_no_successes: success_threshold(0) => "write `success_threshold(1)` or more";
    b058_no_growth: growth(0, WAIT) => "write `growth(2, ..)` or more";
    b058_growth_by_one: growth(1, WAIT) => "write `growth(2, ..)` or more";
    b058_no_longest: growth(2, Duration::ZERO) => "write `growth(2, Duration";
    b058_too_much_jitter: jitter(101) => "write `jitter(100)` or less";
    b058_no_name: named("") => "write a name, or remove the call";
    b058_blank_name: named(" \t") => "write a name, or remove the call";
    b061_no_board: shared(" ") => "write a name, or remove the call";
}

const fn elsewhere() -> CircuitBreaker {
    CircuitBreaker::new()
}

#[test]
fn b060_one_place_is_one_breaker() {
    let pair = [CircuitBreaker::new(), CircuitBreaker::new()];
    assert_ne!(pair[0].identity(), pair[1].identity());
    assert_eq!(SETTINGS.identity(), SETTINGS.jitter(5).identity());
    assert_eq!(elsewhere().identity(), elsewhere().identity());
    assert_ne!(CircuitBreaker::default().identity(), elsewhere().identity());
}

#[test]
fn b060_one_name_is_one_breaker() {
    let named = CircuitBreaker::new().named("cache");
    assert_eq!(named.identity(), CONSTANT.identity());
    assert_ne!(named.identity(), SETTINGS.named("other").identity());
    assert_ne!(named.identity(), SETTINGS.identity());
}

#[test]
fn labels_are_names_or_places() {
    assert_eq!(CONSTANT.label(), "cache");
    let (label, line) = (CircuitBreaker::new().label(), line!());
    assert_eq!(label, format!("{}:{line}", file!()));
}

#[test]
fn settings_agree_if_their_numbers_do() {
    let hooked = SETTINGS.named("cache").on_transition(|_| ());
    assert!(SETTINGS.agrees_with(&hooked));
    let others = [
        SETTINGS.failure_threshold(3),
        SETTINGS.recovery_timeout(SECOND),
        SETTINGS.success_threshold(1),
        SETTINGS.growth(2, WAIT),
        SETTINGS.jitter(1),
        SETTINGS.shared("control"),
    ];
    assert!(others.iter().all(|other| !SETTINGS.agrees_with(other)));
}
