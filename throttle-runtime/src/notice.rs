//! Warnings that reach a person where no subscriber listens to events.

use std::io::{self, Write as _};

use tracing::level_filters::LevelFilter;

/// Writes lines to stderr if no subscriber of `tracing` listens to events of that level, as in a program that has set up
/// none. Callers do that once, as they do with the event.
pub(crate) fn unheard(level: LevelFilter, lines: impl FnOnce() -> String) {
    if LevelFilter::current() < level {
        // There is nothing to do about a stderr that is closed.
        let _ = writeln!(io::stderr().lock(), "{}", lines());
    }
}

/// A warning of a mistake in the setup of a program: an event, and a line on stderr if no subscriber listens.
pub(crate) fn warn(text: &str) {
    tracing::warn!(target: "throttle", "{text}");
    unheard(LevelFilter::WARN, || {
        format!("throttle: warning: {text} (set up a subscriber of `tracing` to have warnings in the log)")
    });
}
