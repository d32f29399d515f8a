//! Warnings that reach a person without a `tracing` subscriber. Alone because every layer warns through it.

use std::io::{self, Write as _};

use tracing::level_filters::LevelFilter;

/// Writes lines to stderr if no `tracing` subscriber listens to events of that level, as in a program without a
/// subscriber. Callers call it once, just as they emit the event once.
pub(crate) fn unheard(level: LevelFilter, lines: impl FnOnce() -> String) {
    if LevelFilter::current() < level {
        // If stderr is closed, the warning is lost.
        let _ = writeln!(io::stderr().lock(), "{}", lines());
    }
}

/// Warns of a mistake in the setup of a program: emits an event, and writes a line to stderr if no subscriber
/// listens.
pub(crate) fn warn(text: &str) {
    tracing::warn!(target: "throttle", "{text}");
    unheard_warning(|| text.to_owned());
}

/// Writes a warning to stderr if no subscriber listens. The caller emits the event, which has fields.
pub(crate) fn unheard_warning(text: impl FnOnce() -> String) {
    unheard(LevelFilter::WARN, || {
        let text = text();
        format!("throttle: warning: {text} (install a `tracing` subscriber to see warnings in the log)")
    });
}
