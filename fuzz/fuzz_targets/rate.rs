//! Any text: parsing never panics, and what parses is displayed as text that parses to the same.
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
        // The message quotes nothing that could break a line of the report.
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
});
