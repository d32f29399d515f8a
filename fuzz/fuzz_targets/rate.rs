//! Fuzzes the parsers of rates: no text causes a panic, and a parsed rate is displayed as text that parses to
//! the same rate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throttle::{Rate, Rates};

fuzz_target!(|text: &str| {
    if let Ok(rate) = text.parse::<Rate>() {
        assert_eq!(rate.to_string().parse(), Ok(rate));
        assert_eq!(text.parse::<Rates>(), Ok(rate.into()), "one limit is a list of one");
    }
    match text.parse::<Rates>() {
        Ok(rates) => assert_eq!(rates.to_string().parse(), Ok(rates)),
        // An error message has no line break, which would break a line of the report.
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
});
